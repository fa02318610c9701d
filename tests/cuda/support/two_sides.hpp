// SPDX-License-Identifier: MIT
// The same plan and vectors on the host and on a device.

#pragma once

#include <byzccl/rules/grid.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "tests/cuda/support/device_rows.hpp"

namespace byzccl::test {

struct Case {
  Plan plan;
  std::vector<Row> rows;
  std::int64_t d;
  DType dtype;
  std::optional<Row> previous = {};
};

/// The steps of one device, the vectors where they read them, and a decision that they fill.
struct Side {
  std::unique_ptr<Steps> steps;
  Rows rows;
  std::shared_ptr<void> memory;
  rules::Decision decision;

  Side(std::unique_ptr<Steps> given, const Plan& plan, const Rows& where)
      : steps(std::move(given)), rows(where) {
    memory = steps->allocate(rules::decision_bytes(plan));
    steps->clear(memory.get(), rules::decision_bytes(plan));
    decision = rules::decision_at(plan, memory.get());
  }
  /// Waits for all work before.
  std::vector<std::byte> decided(const Plan& plan) {
    std::vector<std::byte> bytes(rules::decision_bytes(plan));
    steps->read(bytes.data(), memory.get(), bytes.size());
    return bytes;
  }
};

struct HostSide {
  explicit HostSide(const Case& c)
      : x(pointers(c.rows)),
        side(make_cpu_steps(), c.plan,
             {x, c.d, c.dtype, c.previous ? c.previous->data() : nullptr}) {}

  const std::vector<const void*> x;
  Side side;
};

struct DeviceSide {
  explicit DeviceSide(const Case& c) : rows(c.rows, stream.get()), side(make(c)) {}

  /// What the steps combine, as far from an aligned address as `out`, whose values it replaces.
  void combine(const Plan& plan, Row& out) {
    const DeviceRow on_device(out, stream.get());
    side.steps->combine(plan, side.decision, side.rows, on_device.data());
    on_device.download(out);
  }

  /// Decides from a D of the host.
  void select(const Plan& plan, const std::vector<double>& D) {
    const auto memory = upload(D, stream.get());
    side.steps->select(plan, static_cast<const double*>(memory.get()), side.decision);
  }

  const cuda::Stream stream;
  const DeviceRows rows;
  std::optional<DeviceRow> previous;
  Side side;

 private:
  Side make(const Case& c) {
    if (c.previous) previous.emplace(*c.previous, stream.get());
    return {cuda::make_steps(stream.get()),
            c.plan,
            {rows.x(), c.d, c.dtype, previous ? previous->data() : nullptr}};
  }
};

/// D by the steps of a side, through norms and scales where the plan needs them; on the host.
inline std::vector<double> distances(Side& side, const Plan& plan) {
  Steps& steps = *side.steps;
  const std::int64_t tile = rules::grid(side.rows.columns, plan.ranks).tile;
  const std::size_t n = static_cast<std::size_t>(plan.n);
  const auto norms = steps.allocate(2 * n * sizeof(double));
  double* const sums = static_cast<double*>(norms.get());
  if (plan.needs_norms) {
    steps.clear(sums + n, n * sizeof(double));
    steps.norms(plan, side.rows, tile, sums);
    steps.add_shards(sums, 1, n, sums + n);
    steps.scale(plan, sums + n, side.decision);
  }
  if (!plan.needs_distances) return {};
  const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(plan.lines));
  const auto pair_memory = steps.allocate((pairs + 1) * sizeof(double));
  const std::size_t entries = static_cast<std::size_t>(plan.lines) * n;
  const auto D = steps.allocate(entries * sizeof(double));
  steps.pairwise_distances(plan, side.decision, side.rows, tile,
                           static_cast<double*>(pair_memory.get()));
  steps.spread(static_cast<const double*>(pair_memory.get()), 1, plan.lines, plan.n,
               static_cast<double*>(D.get()));
  std::vector<double> host(entries);
  steps.read(host.data(), D.get(), entries * sizeof(double));
  return host;
}

}  // namespace byzccl::test
