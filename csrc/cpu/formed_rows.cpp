// SPDX-License-Identifier: MIT
#include "csrc/cpu/formed_rows.hpp"

#include <array>
#include <byzccl/rules/bucketing.hpp>
#include <vector>

#include "csrc/cpu/mix.hpp"
#include "csrc/cpu/pairwise_distances.hpp"

namespace byzccl::cpu {
namespace {

struct Formed {
  std::vector<const void*> x;  // where a row is a vector as it is; a null one is the zero vector
  std::vector<Mix> mixes;      // empty if all are
};

Formed form(const Plan& plan, const double* scales, const Rows& vectors) {
  Formed formed;
  if (plan.bucket == 0 && scales == nullptr) {
    formed.x.assign(vectors.x.begin(), vectors.x.end());
    return formed;
  }
  std::array<std::uint8_t, kMaxVectors> order;
  std::array<std::uint8_t, kMaxVectors> bucket;
  if (plan.bucket > 0) rules::assign_buckets(plan, order.data(), bucket.data());
  formed.mixes.resize(static_cast<std::size_t>(plan.n));
  for (std::size_t rank = 0; rank < vectors.x.size(); ++rank) {
    const std::size_t row = plan.bucket > 0 ? bucket[rank] : rank;
    Mix& mix = formed.mixes[row];
    mix.absent = scales != nullptr && scales[row] < 0;
    if (mix.absent) continue;
    mix.x.push_back(vectors.x[rank]);
    mix.weights.push_back(1);
    mix.divisor = static_cast<double>(mix.x.size());
    if (scales != nullptr) mix.scale = scales[row];
  }
  for (const Mix& mix : formed.mixes) formed.x.push_back(mix.x.empty() ? nullptr : mix.x[0]);
  return formed;
}

/// The vector as it is; null for zeros.
Mix copy_of(const void* row) {
  Mix mix;
  if (row == nullptr) return mix;
  mix.x.push_back(row);
  mix.weights.push_back(1);
  return mix;
}

}  // namespace

void formed_distances(const Plan& plan, const double* scales, const Rows& vectors,
                      std::int64_t tile, std::span<const std::int64_t> ends, double* total) {
  Formed formed = form(plan, scales, vectors);
  for (int line = plan.n; line < plan.lines; ++line) {
    const void* row = plan.needs_previous ? vectors.previous : nullptr;
    formed.x.push_back(row);
    if (!formed.mixes.empty()) formed.mixes.push_back(copy_of(row));
  }
  pairwise_distances({formed.x, vectors.columns, vectors.dtype}, tile, ends, total, formed.mixes);
}

void formed_norms(const Plan& plan, const Rows& vectors, std::int64_t tile,
                  std::span<const std::int64_t> ends, double* total) {
  const Formed formed = form(plan, nullptr, vectors);
  for (std::size_t i = 0; i < static_cast<std::size_t>(plan.n); ++i) {
    const std::array<const void*, 2> pair{formed.x[i], nullptr};
    std::vector<Mix> mixes;
    if (!formed.mixes.empty()) mixes = {formed.mixes[i], copy_of(nullptr)};
    pairwise_distances({pair, vectors.columns, vectors.dtype}, tile, ends, total + i, mixes);
  }
}

}  // namespace byzccl::cpu
