// SPDX-License-Identifier: MIT
// The rows that a plan's steps make of the vectors, and the passes over them.

#pragma once

#include <cstdint>
#include <span>

#include "csrc/steps.hpp"

namespace byzccl::cpu {

/// total [pairs] between plan.lines rows: the buckets or vectors, scaled by `scales` unless that is
/// null, and behind them the zero vector or the previous output where the plan wants its distances.
/// As cpu::pairwise_distances.
void formed_distances(const Plan& plan, const double* scales, const Rows& vectors,
                      std::int64_t tile, std::span<const std::int64_t> ends, double* total);

/// total [n]: the squared norms of the rows before they are scaled, with the bits that
/// formed_distances() gives their distances to zero.
void formed_norms(const Plan& plan, const Rows& vectors, std::int64_t tile,
                  std::span<const std::int64_t> ends, double* total);

}  // namespace byzccl::cpu
