// SPDX-License-Identifier: MIT
#include <byzccl/cuda.hpp>
#include <byzccl/error.hpp>
#include <byzccl/rules/grid.hpp>
#include <cstddef>
#include <utility>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "csrc/local_plan.hpp"
#include "csrc/report.hpp"
#include "kernels/launch.hpp"

namespace byzccl::cuda {
namespace {

// Where partial sums over all shards would take more than this, shards go one by one.
constexpr std::size_t kPartialBytes = std::size_t{256} << 20;

void check_aligned(const void* pointer, DType dtype) {
  BYZCCL_CHECK(reinterpret_cast<std::uintptr_t>(pointer) % size_of(dtype) == 0,
               "aggregate on a CUDA device needs vectors aligned to their elements of ",
               size_of(dtype), " bytes, got ", pointer);
}

/// A copy of the previous output [d]; zeros if an element of it is not finite, which the device
/// finds out.
std::shared_ptr<void> finite_or_zeros(const void* previous, std::int64_t d, DType dtype,
                                      CUstream_st* stream) {
  const auto copy = allocate(static_cast<std::size_t>(d) * size_of(dtype), stream);
  const auto memory = allocate(sizeof(rules::DigestSums), stream);
  auto* const sums = static_cast<rules::DigestSums*>(memory.get());
  check(cudaMemsetAsync(sums, 0, sizeof *sums, stream), "cudaMemsetAsync");
  kernels::digest(previous, d, dtype, sums, copy.get(), stream);
  kernels::clear_odd(copy.get(), d, dtype, sums, stream);
  return copy;
}

/// One aggregate on a stream.
class Local {
 public:
  Local(const Plan& plan, const Rows& rows, CUstream_st* stream)
      : plan_(plan),
        rows_(rows),
        stream_(stream),
        steps_(make_steps(stream)),
        grid_(rules::grid(rows.columns, plan.ranks)) {
    memory_ = steps_->allocate(rules::decision_bytes(plan));
    steps_->clear(memory_.get(), rules::decision_bytes(plan));
  }

  rules::Decision decision() const { return rules::decision_at(plan_, memory_.get()); }

  void decide() {
    const std::size_t n = static_cast<std::size_t>(plan_.n);
    std::shared_ptr<void> norms;
    if (plan_.needs_norms) {
      const auto scratch = kernels::norm_scratch_bytes(plan_.n, rows_.columns, grid_.tile);
      const auto sums = shard_sums(n, scratch, [&](const Rows& rows, int shards, double* to) {
        shard_norms(plan_, rows, grid_.tile, shards, to, stream_);
      });
      norms = steps_->allocate(n * sizeof(double));
      steps_->clear(norms.get(), n * sizeof(double));
      steps_->add_shards(static_cast<const double*>(sums.get()), plan_.ranks, n,
                         static_cast<double*>(norms.get()));
      steps_->scale(plan_, static_cast<double*>(norms.get()), decision());
    }
    if (plan_.needs_distances) {
      const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(plan_.lines));
      const auto scratch = kernels::distance_scratch_bytes(plan_.lines, rows_.columns, grid_.tile);
      const auto sums = shard_sums(pairs, scratch, [&](const Rows& rows, int shards, double* to) {
        shard_distances(plan_, decision(), rows, grid_.tile, shards, to, stream_);
      });
      distances_ = steps_->allocate(static_cast<std::size_t>(plan_.lines) * n * sizeof(double));
      double* const D = static_cast<double*>(distances_.get());
      steps_->spread(static_cast<const double*>(sums.get()), plan_.ranks, plan_.lines, plan_.n, D);
      // The norm of a scaled row is known by definition.
      if (plan_.has_norm_line() && norms) {
        steps_->copy(D + n * n, norms.get(), n * sizeof(double));
      }
    }
    if (plan_.rows > 0) {
      steps_->select(plan_, static_cast<const double*>(distances_.get()), decision());
    }
  }

  void combine(void* out) { steps_->combine(plan_, decision(), rows_, out); }

  void describe(const Rule& rule, Report& report) const {
    std::vector<double> memory(rules::decision_bytes(plan_) / sizeof(double) + 1);
    steps_->read(memory.data(), memory_.get(), rules::decision_bytes(plan_));
    std::vector<double> distances(
        distances_ ? static_cast<std::size_t>(plan_.lines) * static_cast<std::size_t>(plan_.n) : 0);
    steps_->read(distances.data(), distances_.get(), distances.size() * sizeof(double));
    report.d = rows_.columns;
    byzccl::describe(rule, plan_, distances.data(), rules::decision_at(plan_, memory.data()),
                     report);
  }

 private:
  /// Sums [ranks, count], a shard each: pass(rows, shards, sums) gives those of `shards` shards,
  /// and takes `scratch` bytes if it takes all shards at once.
  template <class Pass>
  std::shared_ptr<void> shard_sums(std::size_t count, std::size_t scratch, const Pass& pass) {
    const int shards = plan_.ranks;
    const auto each = steps_->allocate(count * static_cast<std::size_t>(shards) * sizeof(double));
    double* const sums = static_cast<double*>(each.get());
    if (scratch <= kPartialBytes) {
      pass(rows_, shards, sums);
    } else {
      for (int k = 0; k < shards; ++k) {
        const std::size_t first =
            static_cast<std::size_t>(grid_.first_column(k)) * size_of(rows_.dtype);
        std::vector<const void*> x;
        for (const void* row : rows_.x) x.push_back(static_cast<const std::byte*>(row) + first);
        const void* const previous = rows_.previous == nullptr
                                         ? nullptr
                                         : static_cast<const std::byte*>(rows_.previous) + first;
        pass({x, grid_.columns(k), rows_.dtype, previous}, 1,
             sums + static_cast<std::size_t>(k) * count);
      }
    }
    return each;
  }

  const Plan plan_;
  const Rows rows_;
  CUstream_st* const stream_;
  const std::unique_ptr<Steps> steps_;
  const rules::Grid grid_;
  std::shared_ptr<void> memory_;     // of the decision
  std::shared_ptr<void> distances_;  // D [lines, n]
};

}  // namespace

class Explained::State {
 public:
  State(const Rule& asked, const Plan& plan, const Rows& rows, CUstream_st* stream)
      : rule(asked), local(plan, rows, stream) {}

  const Rule rule;
  Local local;
};

Explained::Explained(std::shared_ptr<const State> state) : state_(std::move(state)) {}

Report Explained::read() const {
  Report report;
  report.algorithm = "local";
  state_->local.describe(state_->rule, report);
  return report;
}

Explained explain(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
                  void* out, CUstream_st* stream, const Caller& caller) {
  const Plan plan = local_plan(x, d, dtype, rule, caller);
  for (const void* row : x) check_aligned(row, dtype);
  check_aligned(out, dtype);
  check_aligned(caller.previous, dtype);
  std::shared_ptr<void> previous;
  if (plan.needs_previous && caller.previous != nullptr) {
    previous = finite_or_zeros(caller.previous, d, dtype, stream);
  }
  const auto state =
      std::make_shared<Explained::State>(rule, plan, Rows{x, d, dtype, previous.get()}, stream);
  state->local.decide();
  if (out != nullptr && d > 0) state->local.combine(out);
  return Explained(state);
}

void aggregate(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, CUstream_st* stream, const Caller& caller) {
  check_output(out, d);
  explain(x, d, dtype, rule, out, stream, caller);
}

}  // namespace byzccl::cuda
