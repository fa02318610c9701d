// SPDX-License-Identifier: MIT
// Distances and points that mda's tests are drawn from.

#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <vector>

#include "support/decided.hpp"

namespace byzccl::test {

using Random = std::mt19937_64;

/// A symmetric matrix with entries drawn by `draw`; no metric, which mda does not ask for.
template <class Draw>
Distances matrix(int n, Draw draw) {
  Distances D(static_cast<std::size_t>(n) * n, 0);
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < i; ++j) {
      D[static_cast<std::size_t>(i) * n + j] = D[static_cast<std::size_t>(j) * n + i] = draw();
    }
  }
  return D;
}

inline Points random_points(int n, int d, Random& random) {
  std::normal_distribution<double> normal;
  Points x(n, std::vector<double>(d));
  for (auto& row : x) {
    for (double& value : row) value = normal(random);
  }
  return x;
}

inline std::string mda(int f) { return "mda(f=" + std::to_string(f) + ")"; }

}  // namespace byzccl::test
