// SPDX-License-Identifier: MIT
// The values that benchmarks work on, computed alike by host and device.

#pragma once

#include <byzccl/rules/team.hpp>
#include <cstdint>

namespace byzccl::bench {

/// The sum of four bytes of a hash: mean 510, variance 4 (256^2 - 1) / 12 = 147.8^2.
BYZCCL_HD inline float nearly_normal(std::uint32_t at) {
  std::uint32_t z = at * 0x9e3779b9u;
  z = (z ^ (z >> 16)) * 0x21f0aaadu;
  z = (z ^ (z >> 15)) * 0x735a2d97u;
  z ^= z >> 15;
  const std::uint32_t sum = (z & 255) + (z >> 8 & 255) + (z >> 16 & 255) + (z >> 24);
  return (static_cast<float>(sum) - 510.0f) / 147.8f;
}

/// Value `column` of vector i is nearly_normal(seed_of(i) + column) + shift_of(i).
BYZCCL_HD inline std::uint32_t seed_of(int i) {
  return static_cast<std::uint32_t>(i) * 0x2545f491u;
}

/// Every eighth vector is Byzantine.
BYZCCL_HD inline float shift_of(int i) { return i % 8 == 7 ? 3.0f : 0.0f; }

}  // namespace byzccl::bench
