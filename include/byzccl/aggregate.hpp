// SPDX-License-Identifier: MIT
// A rule over n vectors that lie on one device.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/report.hpp>
#include <byzccl/rule.hpp>
#include <cstdint>
#include <span>
#include <string>

namespace byzccl {

/// What some rules need to know besides the vectors; the others ignore it.
struct Caller {
  int own = -1;           ///< the caller's own vector, in [0, n): monna
  std::int64_t step = 0;  ///< bucketing: no two steps have the same buckets
  /// centered_clipping: the previous output [d], of the vectors' dtype. Null, or with an element
  /// that is not finite, it stands for zeros.
  const void* previous = nullptr;
};

/// Writes the aggregate of the vectors x [n, d] to out [d], on the CPU.
///
/// Same n, d, dtype and values: same bits, for any number of threads. Values are data: NaN, Inf and
/// huge values end up where RULES says, and never raise.
///
/// @param x    n pointers to d elements each, any alignment; not null unless d = 0
/// @param out  may be one of the vectors or the previous output; otherwise it overlaps none
/// @throws InvalidArgument if the rule's bound on n is broken, d < 0, a pointer is null, or the
/// rule
///         needs something of the caller that is not there
void aggregate(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out, const Caller& caller = {});

/// The same, and says how it came about. `out` may be null: then nothing is combined, and the
/// report's nan_columns stays 0.
Report explain(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
               void* out = nullptr, const Caller& caller = {});

/// Writes to out [m, d] the rows that the steps before a rule make of the vectors x [n, d], on the
/// CPU; m = plan(steps, n, dtype).n, which is n but for buckets.
///
/// A column rule over these rows gives what it gives behind the steps, in float32 and float64 to
/// the bit; other rules do up to rounding, as they combine the data once where they are behind the
/// steps. A row that is absent (RULES section 5) is NaN in every coordinate, so rules find it
/// broken and `mean`, which leaves absent rows out, does not; where nnm fails closed all rows are.
///
/// Same n, d, dtype and values: same bits, for any number of threads.
///
/// @param x       as in aggregate()
/// @param out     m pointers to d elements each; they overlap neither a vector nor each other
/// @param caller  `step` counts, for bucketing
/// @throws InvalidArgument as aggregate(), or if `out` has not m pointers
void pre_aggregate(std::span<const void* const> x, std::int64_t d, DType dtype,
                   const PreAggregation& steps, std::span<void* const> out,
                   const Caller& caller = {});

/// Threads that the library's loops over coordinates may use in this process, at least 1. At the
/// start: BYZCCL_NUM_THREADS if set, else the number of cores. No result depends on it.
void set_threads(int count);
int threads();

/// The kind of device that aggregate() runs on, such as "cpu AVX3": the instruction set was found
/// out here. For one build and kind the bits of every result are fixed (RULES section 1).
std::string kind();

}  // namespace byzccl
