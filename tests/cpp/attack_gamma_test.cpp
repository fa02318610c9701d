// SPDX-License-Identifier: MIT
// min_max and min_sum: gamma against the roots of their quadratics, and the bound itself.

#include <algorithm>
#include <byzccl/attack.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crafted.hpp"

namespace {

using byzccl::DType;
using byzccl::testing::Family;
using byzccl::testing::half_ulp;
using byzccl::testing::honest_vectors;
using byzccl::testing::kTypes;
using byzccl::testing::Matrix;
using byzccl::testing::moments;
using byzccl::testing::sent;

using Vector = std::vector<double>;

double inner(const Vector& a, const Vector& b) {
  double sum = 0;
  for (std::size_t c = 0; c < a.size(); ++c) sum += a[c] * b[c];
  return sum;
}

Vector plus(const Vector& a, double factor, const Vector& b) {
  Vector sum(a.size());
  for (std::size_t c = 0; c < a.size(); ++c) sum[c] = a[c] + factor * b[c];
  return sum;
}

// The largest squared distance of y to a row, or the sum of all.
double spread(const Matrix& x, const Vector& y, bool sum) {
  double all = 0;
  for (const Vector& row : x) {
    const Vector difference = plus(row, -1, y);
    const double square = inner(difference, difference);
    all = sum ? all + square : std::max(all, square);
  }
  return all;
}

double bound(const Matrix& x, bool sum) {
  double most = 0;
  for (const Vector& row : x) most = std::max(most, spread(x, row, sum));
  return most;
}

// The larger root of c g^2 + 2 b g + a = 0.
double root(double c, double b, double a) { return (-b + std::sqrt(b * b - c * a)) / c; }

// Where the first of the parabolas ||mu + g p - x_i||^2 - M, or their sum, reaches 0.
double gamma_by_roots(const Matrix& x, const Vector& mu, const Vector& p, bool sum) {
  const double most = bound(x, sum);
  const double length = inner(p, p);
  double first = std::numeric_limits<double>::infinity();
  double squares = 0;
  for (const Vector& row : x) {
    const Vector offset = plus(mu, -1, row);
    squares += inner(offset, offset);
    if (!sum) first = std::min(first, root(length, inner(p, offset), inner(offset, offset) - most));
  }
  // The offsets from the mean add up to nothing, so the sum has no linear term.
  return sum ? root(static_cast<double>(x.size()) * length, 0, squares - most) : first;
}

Vector perturbation(const Matrix& x, const std::string& kind) {
  const auto m = moments(x);
  Vector p(m.mean.size());
  for (std::size_t c = 0; c < p.size(); ++c) {
    const double mean = m.mean[c];
    const double sign = mean > 0 ? 1 : mean < 0 ? -1 : 0;
    p[c] = kind == "unit"  ? -mean / std::sqrt(inner(m.mean, m.mean))
           : kind == "std" ? -m.deviation[c]
                           : -sign;
  }
  return p;
}

}  // namespace

TEST_CASE("min_max and min_sum go exactly as far as they may") {
  for (const bool sum : {false, true}) {
    for (const std::string kind : {"unit", "std", "sign"}) {
      for (const Family family : {Family::kOffset, Family::kGaussian, Family::kGraded}) {
        for (const DType dtype : kTypes) {
          for (const int d : {1, 3, 1025}) {
            CAPTURE(sum, kind, static_cast<int>(family), to_text(dtype), d);
            const Matrix x = honest_vectors(dtype, d, family);
            const Vector mu = moments(x).mean;
            const Vector p = perturbation(x, kind);
            const double gamma = gamma_by_roots(x, mu, p, sum);
            REQUIRE(gamma > 0);
            const Vector want = plus(mu, gamma, p);
            const Vector got = sent(
                std::string(sum ? "min_sum" : "min_max") + "(perturbation=" + kind + ")", x, dtype);
            for (std::size_t c = 0; c < want.size(); ++c) {
              const double rounding = half_ulp(want[c], dtype) * (1 + 1e-6);
              const double arithmetic = 1e-9 * (std::fabs(mu[c]) + gamma * std::fabs(p[c]));
              REQUIRE(std::fabs(got[c] - want[c]) <= rounding + arithmetic);
            }
            if (dtype != DType::kFloat64) continue;
            CHECK(spread(x, got, sum) <= bound(x, sum) * (1 + 1e-9));
            CHECK(spread(x, plus(mu, gamma * (1 + 1e-6), p), sum) > bound(x, sum));
          }
        }
      }
    }
  }
}

TEST_CASE("The default direction is std, and the scale of the vectors does not matter") {
  const Matrix x = honest_vectors(DType::kFloat64, 100);
  CHECK(sent("min_max", x, DType::kFloat64) ==
        sent("min_max(perturbation=std)", x, DType::kFloat64));
  for (const double scale : {0x1p-300, 0x1p300}) {
    Matrix scaled = x;
    for (Vector& row : scaled) {
      for (double& value : row) value *= scale;
    }
    const Vector one = sent("min_sum", x, DType::kFloat64);
    const Vector other = sent("min_sum", scaled, DType::kFloat64);
    for (std::size_t c = 0; c < one.size(); ++c) REQUIRE(other[c] == one[c] * scale);
  }
}

TEST_CASE("min_sum stays at least as near as min_max") {
  const Matrix x = honest_vectors(DType::kFloat64, 500, Family::kGaussian);
  const Vector mu = moments(x).mean;
  const Vector near = plus(sent("min_sum", x, DType::kFloat64), -1, mu);
  const Vector far = plus(sent("min_max", x, DType::kFloat64), -1, mu);
  CHECK(inner(near, near) < inner(far, far));
}

TEST_CASE("Where there is no way to go the mean is sent") {
  const Vector row{1, -2, 0};
  for (const char* attack : {"min_max", "min_sum", "min_max(perturbation=sign)"}) {
    CAPTURE(attack);
    CHECK(sent(attack, {row, row, row}, DType::kFloat32) == row);  // no spread
    CHECK(sent(attack, {row}, DType::kFloat64) == row);            // a single vector
    const Vector zero(3, 0.0);
    CHECK(sent("min_max(perturbation=unit)", {zero, zero}, DType::kFloat32) == zero);
    const Vector out = sent(attack, {{1, 2}, {3, byzccl::testing::kInfinity}}, DType::kFloat32);
    CHECK(out[0] == 2);
    CHECK(!std::isfinite(out[1]));
  }
}
