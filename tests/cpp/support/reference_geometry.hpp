// SPDX-License-Identifier: MIT
// D, reach and broken rows of the reference (RULES section 1).

#pragma once

#include "support/reference.hpp"

namespace byzccl::testing {

/// What all distance rules start from.
struct Geometry {
  int n = 0;
  int f = 0;
  Matrix distances;           ///< [n, n]
  std::vector<double> reach;  ///< [n]
  double typical_reach = 0;   ///< M; infinite: failed closed
  std::vector<char> broken;   ///< [n]
  double margin = kInfinity;
  double largest = 0;   ///< finite distance
  double rounding = 0;  ///< relative error of the library's D, as it usually is

  std::vector<int> unbroken() const;
};

/// Squared, as the distance pass sees them.
std::vector<double> squared_norms(const Matrix& x, DType dtype);

Geometry geometry(const Matrix& x, int f, DType dtype);

/// The set of mda, ascending, and the margin of that choice.
struct SmallestSet {
  std::vector<int> rows;
  double diameter = 0;
  double margin = kInfinity;
};

/// By walking all C(n, f) sets.
SmallestSet smallest_set_by_enumeration(const Geometry& g);
/// By asking, for a diameter, whether f rows can be left out: one end of every pair farther apart.
SmallestSet smallest_set_by_cover(const Geometry& g);

}  // namespace byzccl::testing
