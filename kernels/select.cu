// SPDX-License-Identifier: MIT
// The second step on the device: one block decides, without a trip to the host.
//
// The selectors are those of the host (include/byzccl/rules), with the loops over rows shared by
// the threads of the block. D, the decision and the scratch stay in global memory; at n = 256 D
// alone is 512 KiB.

#include <byzccl/error.hpp>
#include <byzccl/rules/select.hpp>
#include <utility>

#include "kernels/block_team.cuh"
#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {
namespace {

// -------------------------------------------------------------------------------------------------
// kernel

/// Enough for the n^2 independent counts of sort_neighbors() to hide the latency of their loads;
/// all other loops have n items.
constexpr unsigned kSelectThreads = 512;

/// The rules that select rows. The others, by columns alone, select behind steps only.
constexpr int kKinds = static_cast<int>(RuleKind::kMedian);
static_assert(static_cast<int>(RuleKind::kPhocas) == kKinds + 3);

/// A kernel for each rule: a block runs an instruction about once, so it waits for code as well as
/// for data, and a kernel of all rules is long and spills.
template <int kKind>
__global__ void __launch_bounds__(kSelectThreads, 1)
    select_kernel(Plan plan, const double* distances, rules::Decision decision, void* scratch) {
  Plan alone = rules::without_steps(plan);  // which it is; now the compiler knows
  alone.kind = static_cast<RuleKind>(kKind);
  rules::select(Block{}, alone, distances, decision, scratch);
}

/// One for all rules behind steps, which alone take ptxas ten seconds each.
__global__ void __launch_bounds__(kSelectThreads, 1)
    select_behind_steps_kernel(Plan plan, const double* distances, rules::Decision decision,
                               void* scratch) {
  rules::select(Block{}, plan, distances, decision, scratch);
}

using SelectKernel = void (*)(Plan, const double*, rules::Decision, void*);

template <int... kKind>
SelectKernel kernel_of(RuleKind kind, std::integer_sequence<int, kKind...>) {
  constexpr SelectKernel kKernels[] = {select_kernel<kKind>...};
  BYZCCL_CHECK(static_cast<int>(kind) < kKinds, "a rule by columns selects no rows");
  return kKernels[static_cast<int>(kind)];
}

}  // namespace

// -------------------------------------------------------------------------------------------------
// launcher

void select(const Plan& plan, const double* distances, const rules::Decision& decision,
            void* scratch, cudaStream_t stream) {
  const SelectKernel kernel = plan.has_steps()
                                  ? select_behind_steps_kernel
                                  : kernel_of(plan.kind, std::make_integer_sequence<int, kKinds>());
  launch("select", kernel, {.blocks = 1, .threads = kSelectThreads}, stream, plan, distances,
         decision, scratch);
}

}  // namespace byzccl::kernels
