// SPDX-License-Identifier: MIT
// The strength that the paper of alie gives it.

#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <numbers>

namespace byzccl {
namespace {

// z with Phi(z) = p, by bisection on erfc: no approximation of the inverse to trust.
double inverse_normal(double p) {
  double low = -40;
  double high = 40;  // Phi is 0 and 1 in float64 beyond
  for (int step = 0; step < 200; ++step) {
    const double middle = 0.5 * (low + high);
    (0.5 * std::erfc(-middle / std::numbers::sqrt2) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

double alie_z(int n, int f) {
  BYZCCL_CHECK(n >= 1 && f >= 0 && f < n, "alie needs 0 <= f < n, got n = ", n, ", f = ", f);
  const int supporters = n / 2 + 1 - f;
  const int others = n - f - supporters;
  BYZCCL_CHECK(supporters > 0 && others > 0, "alie has no z of its own for n = ", n, ", f = ", f,
               ": (n - f - s) / (n - f) = ", others, " / ", n - f, " must lie in (0, 1); give z");
  return inverse_normal(static_cast<double>(others) / (n - f));
}

}  // namespace byzccl
