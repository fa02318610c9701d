// SPDX-License-Identifier: MIT
// One row of y = W x: the vectors that it gives weight, none, or that the row is absent.

#pragma once

#include <cstddef>
#include <vector>

#include "csrc/steps.hpp"

namespace byzccl::cpu {

/// y = the sum of the vectors, divided once by `divisor` where that is above 0, else the sum of
/// each times its weight; then times `scale`. Without vectors y is zero, which is a vote like any
/// other; a row that is no vote is absent: +inf.
struct Mix {
  std::vector<const void*> x = {};  ///< of non-zero weight, in rank order
  std::vector<double> weights = {};
  double divisor = 0;
  double scale = 1;
  bool absent = false;

  /// One vector as it is, bit for bit.
  bool copies() const {
    return x.size() == 1 && weights[0] == 1 && (divisor == 0 || divisor == 1) && scale == 1;
  }
};

/// @param weights  one row of W [n]; 0 or 1 if the sum is divided by the number of ones
/// @param previous_weight  of rows.previous, which comes last
inline Mix make_mix(const Rows& rows, const double* weights, bool divides,
                    double previous_weight = 0) {
  Mix mix;
  for (std::size_t i = 0; i < rows.x.size(); ++i) {
    if (weights[i] == 0) continue;
    mix.x.push_back(rows.x[i]);
    mix.weights.push_back(weights[i]);
  }
  if (divides) mix.divisor = static_cast<double>(mix.x.size());
  if (previous_weight != 0 && rows.previous != nullptr) {  // no previous output is zeros
    mix.x.push_back(rows.previous);
    mix.weights.push_back(previous_weight);
  }
  return mix;
}

}  // namespace byzccl::cpu
