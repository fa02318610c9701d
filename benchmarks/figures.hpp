// SPDX-License-Identifier: MIT
// The figures of one n, d and dtype: each step by itself, then every rule from end to end.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstdint>
#include <functional>

#include "benchmarks/rates.hpp"
#include "benchmarks/record.hpp"
#include "benchmarks/stopwatch.hpp"
#include "benchmarks/vectors.hpp"

namespace byzccl::bench {

struct Group {
  int n = 0;
  std::int64_t d = 0;
  DType dtype = DType::kFloat32;
};

/// What a group's figures are measured with.
struct Setup {
  const Vectors& vectors;
  Rates rates;
  double bytes_per_second = 0;  ///< of reading as much as the group has
  Patience patience;
};

/// Calls found(figure) for each: step ("distances", "weighted_sum", "columns", "aggregate"), rule,
/// n, d, dtype, seconds (the best repetition), median_seconds, repetitions, and
///   bytes, operations  what floor_seconds is made of; operations are float32
///   binds              "memory" or "arithmetic", the longer side of the floor
///   share              floor_seconds / seconds
///   select_seconds     of "aggregate": what the n x n part took, no part of the floor
///   failed             true where the rule failed closed
void measure(const Group& group, const Setup& setup, const std::function<void(Json)>& found);

}  // namespace byzccl::bench
