// SPDX-License-Identifier: MIT
#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/scaling.hpp>
#include <byzccl/rules/select.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "csrc/cpu/combine_columns.hpp"
#include "csrc/cpu/digest.hpp"
#include "csrc/cpu/fill.hpp"
#include "csrc/cpu/float_mode.hpp"
#include "csrc/cpu/formed_rows.hpp"
#include "csrc/cpu/memory_pool.hpp"
#include "csrc/cpu/pairwise_distances.hpp"
#include "csrc/cpu/weighted_sum.hpp"
#include "csrc/steps.hpp"

namespace byzccl {
namespace {

/// Of a sum that each of the shards has, `apart` from each other.
double add_in_order(const double* shards, int count, std::size_t apart) {
  double sum = 0;
  for (std::size_t k = 0; k < static_cast<std::size_t>(count); ++k) sum += shards[k * apart];
  return sum;
}

class CpuSteps final : public Steps {
 public:
  CpuSteps() { threads(); }  // a BYZCCL_NUM_THREADS that is no number is told before work begins

  std::string_view kind() const override { return kind_; }

  std::shared_ptr<void> allocate(std::size_t bytes) override { return memory_->allocate(bytes); }

  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes > 0) std::memmove(to, from, bytes);
  }

  void clear(void* memory, std::size_t bytes) override { std::memset(memory, 0, bytes); }

  void read(void* to, const void* from, std::size_t bytes) override { copy(to, from, bytes); }

  Digest digest(const void* x, std::int64_t columns, DType dtype) override {
    return cpu::digest(x, columns, dtype);
  }

  void pairwise_distances(const Plan& plan, const rules::Decision& decision, const Rows& vectors,
                          std::int64_t tile, double* sums) override {
    const std::int64_t tiles = (vectors.columns + tile - 1) / tile;
    const double* scales = plan.needs_norms ? decision.scales : nullptr;
    cpu::formed_distances(plan, scales, vectors, tile, std::span(&tiles, 1), sums);
  }

  void norms(const Plan& plan, const Rows& vectors, std::int64_t tile, double* sums) override {
    const std::int64_t tiles = (vectors.columns + tile - 1) / tile;
    cpu::formed_norms(plan, vectors, tile, std::span(&tiles, 1), sums);
  }

  void add_shards(const double* shards, int count, std::size_t sums, double* total) override {
    const cpu::FloatMode mode;
    for (std::size_t i = 0; i < sums; ++i) total[i] += add_in_order(shards + i, count, sums);
  }

  void scale(const Plan& plan, double* norms, const rules::Decision& decision) override {
    const cpu::FloatMode mode;
    for (int i = 0; i < plan.n; ++i) norms[i] = rules::finite_sum_or_infinity(norms[i]);
    rules::scale_rows(rules::Solo{}, plan, norms, decision);
  }

  void spread(const double* pairs, int shards, int lines, int n, double* distances) override {
    const cpu::FloatMode mode;
    const std::size_t count = static_cast<std::size_t>(rules::pair_count(lines));
    for (int i = 0; i < n; ++i) {
      distances[i * n + i] = 0;
      for (int j = i + 1; j < lines; ++j) {
        const double distance = rules::finite_sum_or_infinity(
            add_in_order(pairs + rules::pair_index(i, j, lines), shards, count));
        if (j < n) distances[i * n + j] = distance;
        distances[j * n + i] = distance;
      }
    }
  }

  void select(const Plan& plan, const double* distances, const rules::Decision& decision) override {
    const cpu::FloatMode mode;
    std::vector<double> scratch(rules::select_scratch_bytes(plan) / sizeof(double) + 1);
    rules::select(rules::Solo{}, plan, distances, decision, scratch.data());
  }

  void combine(const Plan& plan, const rules::Decision& decision, const Rows& rows,
               void* out) override {
    rules::Outcome& outcome = *decision.outcome;
    std::vector<cpu::Mix> mixes;
    if (plan.rows > 0) {
      if (outcome.failure != rules::Failure::kNone) {
        return cpu::fill_nan(rows.columns, rows.dtype, out);
      }
      for (int row = 0; row < outcome.rows; ++row) {
        mixes.push_back(cpu::make_mix(rows,
                                      decision.weights + static_cast<std::size_t>(row) * plan.ranks,
                                      outcome.divisor > 0, outcome.previous_weight));
      }
      mixes.resize(static_cast<std::size_t>(plan.rows), cpu::Mix{.absent = true});
    }
    if (plan.combiner == Combiner::kColumns) {
      outcome.nan_columns += cpu::combine_columns(rows, mixes, plan.window, out);
    } else if (mixes[0].absent) {
      cpu::fill_nan(rows.columns, rows.dtype, out);
    } else {
      cpu::weighted_sum(mixes[0], rows.columns, rows.dtype, out);
    }
  }

 private:
  const std::shared_ptr<cpu::MemoryPool> memory_ = cpu::MemoryPool::make();
  const std::string kind_ = "cpu " + std::string(cpu::target_name());
};

}  // namespace

std::unique_ptr<Steps> make_cpu_steps() { return std::make_unique<CpuSteps>(); }

}  // namespace byzccl
