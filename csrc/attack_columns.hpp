// SPDX-License-Identifier: MIT
// Attacks go over the columns a block at a time: the honest vectors' mean and deviation in float64,
// and one rounding of what is written.

#pragma once

#include <algorithm>
#include <bit>
#include <byzccl/dtype.hpp>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace byzccl::attacks {

/// Element c of a vector, which may have any alignment.
template <class T>
double load(const void* vector, std::int64_t c) {
  T value;
  std::memcpy(&value, static_cast<const T*>(vector) + c, sizeof(T));
  return static_cast<double>(widen(value));
}

// Rounds to odd, so that a later rounding to a 16-bit type is as if it had been the only one.
inline float odd_float(double x) {
  const float nearest = static_cast<float>(x);
  if (std::isnan(x) || static_cast<double>(nearest) == x) return nearest;
  const bool beyond = std::fabs(static_cast<double>(nearest)) > std::fabs(x);
  const std::uint32_t truncated = std::bit_cast<std::uint32_t>(nearest) - (beyond ? 1u : 0u);
  return std::bit_cast<float>(truncated | 1u);
}

template <class T>
T round_once(double x) {
  if constexpr (std::is_same_v<T, double>) {
    return x;
  } else if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(x);
  } else {
    return narrow<T>(odd_float(x));
  }
}

/// Columns of a block: its sums stay in cache while the vectors stream by.
inline constexpr std::int64_t kBlock = 1024;

template <class T>
class Statistics {
 public:
  explicit Statistics(std::span<const void* const> honest) : honest_(honest) {}

  /// Mean of columns [begin, begin + count), count <= kBlock, and the standard deviation where it
  /// is wanted.
  void read(std::int64_t begin, std::int64_t count, bool spread) {
    const double h = static_cast<double>(honest_.size());
    for (std::int64_t c = 0; c < count; ++c) mean[c] = 0;
    for (const void* x : honest_) {
      for (std::int64_t c = 0; c < count; ++c) mean[c] += load<T>(x, begin + c);
    }
    for (std::int64_t c = 0; c < count; ++c) mean[c] /= h;
    if (!spread) return;
    for (std::int64_t c = 0; c < count; ++c) deviation[c] = 0;
    for (const void* x : honest_) {
      for (std::int64_t c = 0; c < count; ++c) {
        const double offset = load<T>(x, begin + c) - mean[c];
        deviation[c] += offset * offset;
      }
    }
    for (std::int64_t c = 0; c < count; ++c) deviation[c] = std::sqrt(deviation[c] / h);
  }

  /// The least and the largest value of columns [begin, begin + count), count <= kBlock.
  void read_range(std::int64_t begin, std::int64_t count) {
    for (std::int64_t c = 0; c < count; ++c) least[c] = largest[c] = load<T>(honest_[0], begin + c);
    for (const void* x : honest_.subspan(1)) {
      for (std::int64_t c = 0; c < count; ++c) {
        const double value = load<T>(x, begin + c);
        least[c] = std::min(least[c], value);
        largest[c] = std::max(largest[c], value);
      }
    }
  }

  double mean[kBlock];
  double deviation[kBlock];
  double least[kBlock];
  double largest[kBlock];

 private:
  std::span<const void* const> honest_;
};

/// Calls visit(begin, count) for each block.
template <class Visit>
void for_blocks(std::int64_t d, Visit&& visit) {
  for (std::int64_t begin = 0; begin < d; begin += kBlock) {
    visit(begin, std::min(kBlock, d - begin));
  }
}

/// Writes value(c, i) for every column c, the i-th of its block; before(begin, count) comes first.
template <class T, class Before, class Value>
void write(std::int64_t d, void* out, Before&& before, Value&& value) {
  for_blocks(d, [&](std::int64_t begin, std::int64_t count) {
    before(begin, count);
    for (std::int64_t i = 0; i < count; ++i) {
      const T rounded = round_once<T>(value(begin + i, i));
      std::memcpy(static_cast<T*>(out) + begin + i, &rounded, sizeof(T));
    }
  });
}

}  // namespace byzccl::attacks
