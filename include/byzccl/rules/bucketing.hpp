// SPDX-License-Identifier: MIT
// bucketing (RULES section 5): which vectors share a bucket, by a permutation that depends on the
// seed and on the step.

#pragma once

#include <byzccl/rule.hpp>
#include <byzccl/rules/team.hpp>
#include <cstdint>

namespace byzccl::rules {

struct SplitMix64 {
  std::uint64_t state;
  BYZCCL_HD std::uint64_t next() {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
};

/// bucket [ranks] = the bucket of each vector: Fisher-Yates from the top, then plan.bucket
/// consecutive vectors of the permutation at a time. order [ranks] is overwritten.
BYZCCL_HD inline void assign_buckets(const Plan& plan, std::uint8_t* order, std::uint8_t* bucket) {
  const std::uint64_t mixed_step = SplitMix64{static_cast<std::uint64_t>(plan.step)}.next();
  const std::uint64_t start = SplitMix64{static_cast<std::uint64_t>(plan.seed) ^ mixed_step}.next();
  SplitMix64 random{start};
  for (int i = 0; i < plan.ranks; ++i) order[i] = static_cast<std::uint8_t>(i);
  for (int i = plan.ranks - 1; i > 0; --i) {
    const int j = static_cast<int>(random.next() % static_cast<std::uint64_t>(i + 1));
    const std::uint8_t other = order[i];
    order[i] = order[j];
    order[j] = other;
  }
  for (int i = 0; i < plan.ranks; ++i) {
    bucket[order[i]] = static_cast<std::uint8_t>(i / plan.bucket);
  }
}

/// Vectors of bucket k: the last one has what remains.
BYZCCL_HD inline int bucket_size(const Plan& plan, int k) {
  const int left = plan.ranks - k * plan.bucket;
  return left < plan.bucket ? left : plan.bucket;
}

}  // namespace byzccl::rules
