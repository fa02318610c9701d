// SPDX-License-Identifier: MIT
// What one rank does: it measures each size, and checks what came out.

#pragma once

#include "benchmarks/all_reduce_perf/meeting.hpp"
#include "benchmarks/all_reduce_perf/options.hpp"

namespace byzccl::bench {

inline constexpr int kNothingRun = 77;

/// On GPU rank mod (number of GPUs). Ranks that share one tell NCCL that they are hosts of their
/// own, which it would refuse otherwise (before 2.30): their messages go over sockets. Rank 0
/// prints a line for each size, and writes the JSON. Returns 0, or kNothingRun without a GPU.
int measure_as_rank(const Options& options, Meeting& meeting, int rank);

}  // namespace byzccl::bench
