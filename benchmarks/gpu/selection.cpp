// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/selection.hpp"

#include <byzccl/rules/grid.hpp>
#include <byzccl/rules/select.hpp>
#include <cstddef>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "kernels/launch.hpp"

namespace byzccl::bench {

Selection::Selection(const Plan& plan, const Rows& rows, cudaStream_t stream)
    : plan_(plan),
      stream_(stream),
      memory_(cuda::allocate(rules::decision_bytes(plan), stream)),
      scratch_(cuda::allocate(rules::select_scratch_bytes(plan), stream)),
      decision_(rules::decision_at(plan, memory_.get())) {
  const auto steps = cuda::make_steps(stream);
  steps->clear(memory_.get(), rules::decision_bytes(plan));
  const std::int64_t tile = rules::grid(rows.columns, plan.ranks).tile;
  const std::size_t n = static_cast<std::size_t>(plan.n);
  if (plan.needs_norms) {
    const auto norms = steps->allocate(n * sizeof(double));
    steps->norms(plan, rows, tile, static_cast<double*>(norms.get()));
    steps->scale(plan, static_cast<double*>(norms.get()), decision_);
  }
  if (!plan.needs_distances) return;
  const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(plan.lines));
  const auto sums = steps->allocate((pairs + 1) * sizeof(double));
  distances_ = steps->allocate(static_cast<std::size_t>(plan.lines) * n * sizeof(double));
  steps->pairwise_distances(plan, decision_, rows, tile, static_cast<double*>(sums.get()));
  steps->spread(static_cast<const double*>(sums.get()), 1, plan.lines, plan.n,
                static_cast<double*>(distances_.get()));
}

void Selection::select() const {
  kernels::select(plan_, static_cast<const double*>(distances_.get()), decision_, scratch_.get(),
                  stream_);
}

}  // namespace byzccl::bench
