// SPDX-License-Identifier: MIT
#include "csrc/attack_gamma.hpp"

#include <algorithm>
#include <numeric>

namespace byzccl::attacks {
namespace {

/// Over the vectors i: the largest of(i), or their sum.
template <class Of>
double over_vectors(std::size_t h, bool sum, Of&& of) {
  double all = 0;
  for (std::size_t i = 0; i < h; ++i) all = sum ? all + of(i) : std::max(all, of(i));
  return all;
}

}  // namespace

double largest_gamma(const Geometry& g, bool sum) {
  const std::size_t h = g.from_mean.size();
  // One value that is not finite makes the mean so, and with it each of these.
  const double spread = std::accumulate(g.from_mean.begin(), g.from_mean.end(), 0.0);
  double bound = 0;
  for (std::size_t i = 0; i < h; ++i) {
    bound = std::max(bound,
                     over_vectors(h, sum, [&](std::size_t j) { return g.distances[i * h + j]; }));
  }
  const auto allowed = [&](double gamma) {
    return over_vectors(h, sum, [&](std::size_t i) {
             return g.from_mean[i] + gamma * (gamma * g.length - 2 * g.along[i]);
           }) <= bound;
  };
  // By the triangle inequality gamma ||p|| is at most twice the largest distance, and for the sum
  // at most the root of the mean of what is allowed: the walk reaches just below 2 `gamma`.
  double gamma = std::sqrt((sum ? bound / static_cast<double>(h) : bound) / g.length);
  if (!(gamma > 0) || !std::isfinite(gamma) || !std::isfinite(bound + spread)) return 0;
  double step = gamma;
  double best = 0;
  for (int k = 0; k < 60; ++k) {
    const bool yes = allowed(gamma);
    if (yes) best = gamma;
    step /= 2;
    gamma += yes ? step : -step;
  }
  return best;
}

}  // namespace byzccl::attacks
