// SPDX-License-Identifier: MIT
// The figures of one n, d and dtype: each step by itself, then every rule from end to end.

#pragma once

#include <functional>

#include "benchmarks/figure.hpp"
#include "benchmarks/rates.hpp"
#include "benchmarks/stopwatch.hpp"
#include "benchmarks/vectors.hpp"

namespace byzccl::bench {

/// What a group's figures are measured with.
struct Setup {
  const Vectors& vectors;
  Rates rates;
  double bytes_per_second = 0;  ///< of reading as much as the group has
  Patience patience;
};

/// Calls found(figure) for each: step ("distances", "weighted_sum", "columns", "aggregate"), what
/// figure.hpp says (seconds: the best repetition), median_seconds, repetitions, and
///   select_seconds     of "aggregate": what the n x n part took, no part of the floor
///   failed             true where the rule failed closed
void measure(const Group& group, const Setup& setup, const std::function<void(Json)>& found);

}  // namespace byzccl::bench
