// SPDX-License-Identifier: MIT
// The digest of a vector: what ranks compare of one that all of them should hold alike.

#pragma once

#include <byzccl/rules/bucketing.hpp>
#include <byzccl/rules/team.hpp>
#include <cstdint>

namespace byzccl::rules {

/// What one pass over a vector adds up. Both are sums of integers: any part of the vector may be
/// added by anyone, in any order.
struct DigestSums {
  std::uint64_t words = 0;  ///< of digest_term() of each word, modulo 2^64
  std::uint64_t odd = 0;    ///< elements that are not finite
};

/// Words come in pairs, 16 bytes; behind the last element the pair holds zeros.
inline constexpr int kDigestWords = 2;

/// Of the 8 bytes from byte 8 `index` of the vector on, as the device's memory has them.
BYZCCL_HD inline std::uint64_t digest_term(std::uint64_t word, std::uint64_t index) {
  return SplitMix64{word ^ index * 0x9e3779b97f4a7c15u}.next();
}

/// The digest of a vector of `columns` elements; never 0.
BYZCCL_HD inline std::uint64_t digest_value(const DigestSums& sums, std::int64_t columns) {
  const std::uint64_t value = SplitMix64{sums.words ^ static_cast<std::uint64_t>(columns)}.next();
  return value == 0 ? 1 : value;
}

}  // namespace byzccl::rules
