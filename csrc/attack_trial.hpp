// SPDX-License-Identifier: MIT
// Trials of an attack: the aggregate of the honest vectors and f copies of a crafted one. Attacks
// that ask the rule try a vector here before they send it.

#pragma once

#include <byzccl/aggregate.hpp>
#include <byzccl/attack.hpp>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "csrc/attack_columns.hpp"

namespace byzccl::attacks {

class Trial {
 public:
  /// @throws InvalidArgument if f < 1 or the rule's bound on h + f is broken
  Trial(std::span<const void* const> honest, std::int64_t d, DType dtype,
        const AttackContext& context, const Rule& rule);

  /// The vector that is tried [d].
  void* crafted() { return crafted_.data(); }
  /// Whether the rule gives a copy of it any weight.
  bool is_selected() const;
  /// The rule's output [d].
  const void* output();

 private:
  const std::size_t honest_;
  const std::int64_t d_;
  const DType dtype_;
  const Rule rule_;
  Caller caller_;
  std::vector<std::byte> crafted_;
  std::vector<std::byte> output_;
  std::vector<const void*> x_;  // [h + f]
};

/// ||y - mu||^2.
template <class T>
double distance_from_mean(std::span<const void* const> honest, std::int64_t d, const void* y) {
  Statistics<T> statistics(honest);
  double distance = 0;
  for_blocks(d, [&](std::int64_t begin, std::int64_t count) {
    statistics.read(begin, count, false);
    for (std::int64_t i = 0; i < count; ++i) {
      const double offset = load<T>(y, begin + i) - statistics.mean[i];
      distance += offset * offset;
    }
  });
  return distance;
}

/// The factor >= 0 of greatest harm(factor), of 24 that are tried: the search of attack.hpp.
template <class Harm>
double most_harmful(Harm&& harm) {
  constexpr int kLeastPower = -2;
  constexpr int kMostPower = 8;
  constexpr int kHalvings = 12;
  double best = 0;
  double most = -1;
  const auto is_better = [&](double factor) {
    const double done = harm(factor);
    if (!std::isfinite(done) || done <= most) return false;
    most = done;
    best = factor;
    return true;
  };
  is_better(0);
  for (int power = kLeastPower; power <= kMostPower; ++power) is_better(std::ldexp(1, power));
  // The neighbours of the best: the greatest harm is often just below where a rule takes notice.
  double below = best <= std::ldexp(1, kLeastPower) ? 0 : best / 2;
  double above = best == 0 ? std::ldexp(1, kLeastPower) : 2 * best;
  for (int k = 0; k < kHalvings; ++k) {
    double& end = k % 2 == 0 ? above : below;
    double& other_end = k % 2 == 0 ? below : above;
    const double before = best;
    const double middle = 0.5 * (best + end);
    if (is_better(middle)) {
      other_end = before;
    } else {
      end = middle;
    }
  }
  return best;
}

}  // namespace byzccl::attacks
