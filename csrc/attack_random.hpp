// SPDX-License-Identifier: MIT
// What is random in an attack: SplitMix64 as a counter, so that a number depends on its key and
// its position alone.

#pragma once

#include <byzccl/attack.hpp>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace byzccl::attacks {

/// Output number k (from 1) of SplitMix64 started at `state`.
inline std::uint64_t split_mix(std::uint64_t state, std::uint64_t k) {
  std::uint64_t z = state + k * 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/// mix(rank ^ mix(step)).
inline std::uint64_t key_of(const AttackContext& context) {
  const std::uint64_t step = split_mix(static_cast<std::uint64_t>(context.step), 1);
  return split_mix(static_cast<std::uint64_t>(context.rank) ^ step, 1);
}

/// mix(seed ^ key).
inline std::uint64_t key_of(const AttackContext& context, std::int64_t seed) {
  return split_mix(static_cast<std::uint64_t>(seed) ^ key_of(context), 1);
}

/// In [0, 1), 53 bits.
inline double unit(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }

/// In [0, 1).
inline double unit_at(std::uint64_t key, std::int64_t column) {
  return unit(split_mix(key, static_cast<std::uint64_t>(column) + 1));
}

/// In [-1, 1).
inline double uniform_at(std::uint64_t key, std::int64_t column) {
  return 2 * unit_at(key, column) - 1;
}

/// N(0, 1).
inline double normal_at(std::uint64_t key, std::int64_t column) {
  const std::uint64_t k = 2 * static_cast<std::uint64_t>(column) + 1;
  const double u = unit(split_mix(key, k)) + 0x1p-53;  // (0, 1]
  const double v = unit(split_mix(key, k + 1));
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

}  // namespace byzccl::attacks
