// SPDX-License-Identifier: MIT
#include "csrc/attack_fang.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace byzccl::attacks {

double fang_bound(const Geometry& geometry, int f) {
  const std::size_t h = geometry.norms.size();
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < h; ++i) {
    const std::span<const double> line(geometry.distances.data() + i * h, h);
    const double sum = std::accumulate(line.begin(), line.end(), 0.0);
    // The h - 2 nearest of the h - 1 others.
    nearest = std::min(nearest, sum - *std::max_element(line.begin(), line.end()));
  }
  const double farthest = *std::max_element(geometry.norms.begin(), geometry.norms.end());
  const double rest = static_cast<double>(h) - f - 1;
  const double bound = std::sqrt(std::max(nearest, 0.0) / (rest * geometry.length)) +
                       std::sqrt(farthest / geometry.length);
  return std::isfinite(bound) ? bound : 0;
}

}  // namespace byzccl::attacks
