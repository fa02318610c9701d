// SPDX-License-Identifier: MIT
// Fang's attacks: how far Krum lets one go, and what lies beyond the honest values of a column.
// Source: AttackKind::kFangKrum in attack.hpp.

#pragma once

#include "csrc/attack_gamma.hpp"

namespace byzccl::attacks {

/// Values of lambda that are tried, each half of the one before.
inline constexpr int kFangHalvings = 20;

/// The largest lambda with which Krum can take one of f copies of -lambda sign(mu); 0 where that is
/// no finite number. Needs h >= f + 3.
/// @param geometry  measured along Perturbation::kSign
double fang_bound(const Geometry& geometry, int f);

/// u in [0, 1) of the way from the edge of the honest values away from mu, as far as `scale`
/// allows.
inline double fang_value(double mean, double least, double largest, double scale, double u) {
  if (!(mean > 0) && !(mean < 0)) return mean;
  const double edge = mean > 0 ? least : largest;
  // Away from mu is away from 0 where the edge is on its other side.
  const bool outwards = (mean > 0) != (edge > 0);
  return edge + u * ((outwards ? edge * scale : edge / scale) - edge);
}

}  // namespace byzccl::attacks
