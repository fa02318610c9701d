// SPDX-License-Identifier: MIT
#include "support/reference_steps.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "support/reference_choice.hpp"
#include "support/reference_selection.hpp"

namespace byzccl::testing {
namespace {

// The first output of SplitMix64 from a state, which moves on.
std::uint64_t split_mix(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ull;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

void bucketing(Stepped& stepped, std::int64_t s, std::int64_t seed, std::int64_t step) {
  std::uint64_t at = static_cast<std::uint64_t>(step);
  std::uint64_t state = static_cast<std::uint64_t>(seed) ^ split_mix(at);
  state = split_mix(state);
  std::vector<std::size_t> order(stepped.y.size());
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t i = order.size() - 1; i > 0; --i) {
    std::swap(order[i], order[split_mix(state) % (i + 1)]);
  }
  Matrix buckets;
  for (std::size_t first = 0; first < order.size(); first += static_cast<std::size_t>(s)) {
    const std::size_t end = std::min(order.size(), first + static_cast<std::size_t>(s));
    std::vector<std::size_t> members(order.begin() + static_cast<std::ptrdiff_t>(first),
                                     order.begin() + static_cast<std::ptrdiff_t>(end));
    std::sort(members.begin(), members.end());
    std::vector<double> mean(stepped.y[0].size(), 0);
    for (std::size_t c = 0; c < mean.size(); ++c) {
      for (const std::size_t i : members) mean[c] += stepped.y[i][c];
      mean[c] /= static_cast<double>(members.size());
    }
    buckets.push_back(mean);
  }
  stepped.y = buckets;
}

void remove(Stepped& stepped, int row) {
  std::fill(stepped.y[row].begin(), stepped.y[row].end(), std::numeric_limits<double>::quiet_NaN());
  std::erase(stepped.present, row);
}

// To a largest squared norm; what is longer has that norm by definition.
void shorten(Stepped& stepped, double most) {
  for (std::size_t i = 0; i < stepped.norms.size(); ++i) {
    double& norm = stepped.norms[i];
    if (std::isinf(norm)) {
      remove(stepped, static_cast<int>(i));
    } else if (norm > most) {
      for (double& value : stepped.y[i]) value *= std::sqrt(most) / std::sqrt(norm);
      norm = most;
    }
  }
}

void nnm(Stepped& stepped, int f, DType dtype) {
  const Geometry g = geometry(stepped.y, f, dtype);
  stepped.margin = std::min(stepped.margin, g.margin);
  stepped.failed = std::isinf(g.typical_reach);
  if (stepped.failed) return;
  stepped.broken.emplace();
  stepped.norms.clear();
  const Matrix x = stepped.y;
  for (int i = 0; i < g.n; ++i) {
    if (g.broken[i]) {
      stepped.broken->push_back(i);
      remove(stepped, i);
      continue;
    }
    std::vector<int> others = g.unbroken();
    std::erase(others, i);
    std::vector<int> near =
        lowest(others, g.distances[i], static_cast<std::size_t>(g.n - f - 1), stepped.margin);
    near.push_back(i);
    std::sort(near.begin(), near.end());
    Answer mean;
    average(mean, x, near);
    stepped.y[i] = mean.out;
  }
}

}  // namespace

Stepped apply_steps(const Rule& rule, const Matrix& x, DType dtype, std::int64_t step) {
  Stepped stepped;
  stepped.y = x;
  if (rule.bucketing) {
    ++stepped.steps;
    bucketing(stepped, *rule.bucketing->s, rule.bucketing->seed.value_or(0), step);
  }
  const std::int64_t n = static_cast<std::int64_t>(stepped.y.size());
  stepped.present.resize(stepped.y.size());
  std::iota(stepped.present.begin(), stepped.present.end(), 0);
  const auto tolerated = [&](const Step& s) { return s.f ? *s.f : rule.f ? *rule.f : (n - 1) / 2; };
  if (rule.scaling) {
    ++stepped.steps;
    stepped.norms = squared_norms(stepped.y, dtype);
    const double tau = rule.scaling->tau.value_or(0);
    double most = tau * tau;
    if (rule.scaling->kind == StepKind::kArc) {
      std::vector<double> sorted = stepped.norms;
      std::sort(sorted.rbegin(), sorted.rend());
      const std::int64_t f = tolerated(*rule.scaling);
      most = sorted[static_cast<std::size_t>(2 * f * (n - f) / n)];
    }
    shorten(stepped, most);
  }
  if (rule.nnm) {
    ++stepped.steps;
    nnm(stepped, static_cast<int>(tolerated(*rule.nnm)), dtype);
  }
  return stepped;
}

}  // namespace byzccl::testing
