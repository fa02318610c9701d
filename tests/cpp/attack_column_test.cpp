// SPDX-License-Identifier: MIT
// fang_trim and dissensus: each coordinate against its formula.

#include <algorithm>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crafted.hpp"

namespace {

using byzccl::AttackContext;
using byzccl::DType;
using byzccl::testing::Family;
using byzccl::testing::half_ulp;
using byzccl::testing::honest_vectors;
using byzccl::testing::kTypes;
using byzccl::testing::Matrix;
using byzccl::testing::moments;
using byzccl::testing::quantise;
using byzccl::testing::sent;

using Vector = std::vector<double>;

// Where fang_trim sends `value`, from 0 at the edge of the honest ones to 1 at the end of the way.
double way(const Vector& column, double mean, double scale, double value) {
  const auto [least, largest] = std::minmax_element(column.begin(), column.end());
  if (mean > 0) {
    const double end = *least > 0 ? *least / scale : *least * scale;
    return (*least - value) / (*least - end);
  }
  const double end = *largest > 0 ? *largest * scale : *largest / scale;
  return (value - *largest) / (end - *largest);
}

std::string message(const std::string& attack, const Matrix& x, const AttackContext& context) {
  try {
    sent(attack, x, DType::kFloat32, context);
  } catch (const byzccl::InvalidArgument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("fang_trim lies beyond the honest values, on the side that the mean is not on") {
  for (const double scale : {2.0, 10.0}) {
    for (const Family family : {Family::kGaussian, Family::kOffset}) {
      for (const double sign : {1.0, -1.0}) {
        CAPTURE(scale, static_cast<int>(family), sign);
        Matrix x = honest_vectors(DType::kFloat64, 3000, family);
        for (Vector& row : x) {
          for (double& value : row) value *= sign;
        }
        const Vector mean = moments(x).mean;
        const Vector y = sent("fang_trim(scale=" + std::to_string(scale) + ")", x, DType::kFloat64);
        double sum = 0;
        double first = 1;
        double last = 0;
        for (std::size_t c = 0; c < y.size(); ++c) {
          Vector column;
          for (const Vector& row : x) column.push_back(row[c]);
          const double at = way(column, mean[c], scale, y[c]);
          REQUIRE(at >= -1e-9);
          REQUIRE(at <= 1 + 1e-9);
          sum += at;
          first = std::min(first, at);
          last = std::max(last, at);
        }
        CHECK(std::fabs(sum / 3000 - 0.5) < 0.027);  // 5 standard errors
        CHECK(first < 0.01);
        CHECK(last > 0.99);
      }
    }
  }
}

TEST_CASE("fang_trim draws by rank, step and seed, and stays where there is no side") {
  const Matrix x = honest_vectors(DType::kFloat32, 100, Family::kGaussian);
  const Vector first = sent("fang_trim", x, DType::kFloat32);
  CHECK(first == sent("fang_trim(scale=2,seed=0)", x, DType::kFloat32));
  CHECK(first != sent("fang_trim(seed=1)", x, DType::kFloat32));
  CHECK(first != sent("fang_trim", x, DType::kFloat32, {7, 2, 5, 5}));
  CHECK(first != sent("fang_trim", x, DType::kFloat32, {7, 2, 6, 6}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Matrix special{{-1, 0, nan, 3, -3}, {1, 0, 2, 3, -3}};
  const Vector y = sent("fang_trim(scale=1)", special, DType::kFloat32);
  CHECK(y[0] == 0);
  CHECK(y[1] == 0);
  CHECK(std::isnan(y[2]));
  CHECK(y[3] == 3);  // scale 1 leaves no way
  CHECK(y[4] == -3);
  CHECK(message("fang_trim(scale=0.5)", special, {7, 2, 5, 6}) ==
        "fang_trim needs scale >= 1, got scale = 0.5");
}

TEST_CASE("dissensus is its formula, and undoes the receiver's step of gossip") {
  const Vector weights{0.2, 0.1, 0.3, 0, 0.15, 0.05, 0.2};  // of 5 honest vectors and 2 others
  for (const DType dtype : kTypes) {
    for (const double scale : {1.0, 1.5}) {
      CAPTURE(to_text(dtype), scale);
      const Matrix x = honest_vectors(dtype, 1500, Family::kGaussian);
      AttackContext context{.n = 7, .f = 2, .rank = 6, .receiver = 2, .weights = weights};
      const Vector y = sent("dissensus(scale=" + std::to_string(scale) + ")", x, dtype, context);
      for (std::size_t c = 0; c < y.size(); ++c) {
        double pull = 0;
        for (std::size_t j = 0; j < x.size(); ++j) pull += weights[j] * (x[j][c] - x[2][c]);
        const double want = x[2][c] - scale * pull / 0.25;
        REQUIRE(std::fabs(y[c] - want) <= half_ulp(want, dtype) * (1 + 1e-6) + 1e-12);
        // What gossip makes of it: the step towards the honest, less `scale` times the same.
        const double after = x[2][c] + pull + 0.25 * (y[c] - x[2][c]);
        REQUIRE(std::fabs(after - (x[2][c] + (1 - scale) * pull)) <=
                0.25 * half_ulp(y[c], dtype) * (1 + 1e-6) + 1e-12);
      }
    }
  }
}

TEST_CASE(
    "dissensus takes equal weights where none are given, and no part of who is no neighbour") {
  const Matrix x = honest_vectors(DType::kFloat32, 50, Family::kGaussian);
  const Vector equal(7, 1.0 / 7);
  const Vector by_default = sent("dissensus", x, DType::kFloat32);
  const AttackContext context{.n = 7, .f = 2, .step = 5, .rank = 6, .weights = equal};
  const Vector given = sent("dissensus", x, DType::kFloat32, context);
  for (std::size_t c = 0; c < given.size(); ++c) {
    CHECK(std::fabs(given[c] - by_default[c]) <= 1e-6 * (1 + std::fabs(given[c])));
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Matrix odd{{1, byzccl::testing::kInfinity}, {nan, 0}, {3, 4}};
  const Vector weights{0.5, 0, 0.25, 0.25};
  const Vector y =
      sent("dissensus", odd, DType::kFloat64, {.n = 4, .f = 1, .rank = 3, .weights = weights});
  CHECK(y[0] == -1);  // 1 - 0.25 (3 - 1) / 0.25
  CHECK(!std::isfinite(y[1]));
}

TEST_CASE("Weights and receivers that are none are refused") {
  const Matrix x = honest_vectors(DType::kFloat32, 4);
  const auto with = [&](const Vector& weights, int receiver = 0) {
    return message("dissensus", x,
                   {.n = 7, .f = 2, .rank = 6, .receiver = receiver, .weights = weights});
  };
  CHECK(with(Vector(7, 0.1)).empty());
  CHECK(with(Vector(6, 0.1)) ==
        "dissensus needs a weight for each of the 5 honest vectors and f = 2 Byzantine neighbours, "
        "got 6");
  CHECK(with({1, 1, 1, 1, -1, 1, 1}).find("got -1") != std::string::npos);
  CHECK(with({1, 1, 1, 1, NAN, 1, 1}).find("finite weights") != std::string::npos);
  CHECK(with({1, 1, 1, 1, 1, 0, 0}).find("more than 0") != std::string::npos);
  CHECK(with({}, 5).find("got receiver = 5") != std::string::npos);
  CHECK(with({}, -1).find("got receiver = -1") != std::string::npos);
  CHECK(message("dissensus", x, {.n = 7, .f = 0, .rank = 6}) ==
        "dissensus needs f >= 1, got f = 0");
}
