// SPDX-License-Identifier: MIT
// What the machine can do at best, measured: the rates that floors are made of.

#pragma once

#include <cstddef>
#include <span>

namespace byzccl::bench {

/// float32 operations a second, of all threads together.
struct Rates {
  double subtract_fma = 0;  ///< differences and fused squares in equal number, in registers
  double min_max = 0;       ///< minima and maxima in equal number, in registers
  double min_max_16 = 0;    ///< the same between integers of 16 bits; CPU only
};

/// @param seconds  how long each is measured, roughly
Rates measure_rates(int threads, double seconds);

/// Bytes a second that `threads` read of rows of `bytes` each, of several passes the best one: of
/// small rows that is what the caches give. Threads are started before the clock is.
double read_rate(std::span<const void* const> rows, std::size_t bytes, int threads, int passes);

}  // namespace byzccl::bench
