// SPDX-License-Identifier: MIT
// Adversaries: each against its formula, in every element type.

#include <algorithm>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crafted.hpp"

namespace {

using byzccl::Attack;
using byzccl::AttackContext;
using byzccl::DType;
using byzccl::testing::honest_vectors;
using byzccl::testing::kContext;
using byzccl::testing::kTypes;
using byzccl::testing::Matrix;
using byzccl::testing::Moments;
using byzccl::testing::moments;
using byzccl::testing::Packed;
using byzccl::testing::quantise;
using byzccl::testing::sent;

}  // namespace

TEST_CASE("Statistics attacks are their formula, rounded once") {
  for (const DType dtype : kTypes) {
    const Matrix x = honest_vectors(dtype);
    const Moments m = moments(x);
    const auto flipped = sent("sign_flip(scale=10)", x, dtype);
    const auto plain = sent("sign_flip", x, dtype);
    const auto product = sent("ipm", x, dtype);
    const auto little = sent("alie(z=1.5)", x, dtype);
    const auto spike = sent("spike(value=-3,target=2100)", x, dtype);
    CAPTURE(to_text(dtype));
    for (std::size_t c = 0; c < x[0].size(); ++c) {
      CAPTURE(c);
      REQUIRE(flipped[c] == quantise(-10 * m.mean[c], dtype));
      REQUIRE(plain[c] == quantise(-m.mean[c], dtype));
      REQUIRE(product[c] == quantise(-2 * m.mean[c], dtype));
      REQUIRE(little[c] == quantise(m.mean[c] - 1.5 * m.deviation[c], dtype));
      REQUIRE(spike[c] == (c == 2100 ? -3 : quantise(m.mean[c], dtype)));
    }
  }
}

// Half way between two float16 after a first rounding to float32, but not before.
TEST_CASE("A 16-bit result is not rounded twice") {
  const double above = 1 + 0x1p-11 + 0x1p-40;
  const Attack attack{.kind = byzccl::AttackKind::kConstant, .value = above};
  CHECK(sent(to_text(attack), {{1}}, DType::kFloat16)[0] == 1 + 0x1p-10);
  CHECK(quantise(above, DType::kFloat16) == 1 + 0x1p-10);
}

TEST_CASE("Constant, NaN and infinite vectors") {
  for (const DType dtype : kTypes) {
    const Matrix x = honest_vectors(dtype);
    for (const double v : sent("nan", x, dtype)) REQUIRE(std::isnan(v));
    for (const double v : sent("inf", x, dtype)) REQUIRE(v == byzccl::testing::kInfinity);
    for (const double v : sent("constant", x, dtype)) REQUIRE(v == 0);
    for (const double v : sent("constant(value=0.3)", x, dtype)) REQUIRE(v == quantise(0.3, dtype));
  }
}

TEST_CASE("A spike overflows where the type is too small for it") {
  CHECK(std::isinf(sent("spike", {{1, 2}}, DType::kFloat16)[0]));
  CHECK(sent("spike", {{1, 2}}, DType::kFloat16)[1] == 2);
  CHECK(sent("spike", {{1, 2}}, DType::kFloat32)[0] == quantise(1e30, DType::kFloat32));
}

TEST_CASE("Copies are bit for bit") {
  const Matrix x = honest_vectors(DType::kBFloat16);
  CHECK(sent("none", x, DType::kBFloat16) == x[6 % 5]);
  CHECK(sent("mimic", x, DType::kBFloat16) == x[0]);
  CHECK(sent("mimic(target=3)", x, DType::kBFloat16) == x[3]);
}

TEST_CASE("Gaussian vectors depend on rank, step and column alone") {
  const Matrix x(1, std::vector<double>(20000));
  const auto first = sent("gaussian(sigma=2)", x, DType::kFloat64);
  CHECK(first == sent("gaussian(sigma=2)", x, DType::kFloat64));
  const Matrix shorter(3, std::vector<double>(1500, 1.0));
  const auto part = sent("gaussian(sigma=2)", shorter, DType::kFloat64);
  CHECK(std::equal(part.begin(), part.end(), first.begin()));
  CHECK(first != sent("gaussian(sigma=2)", x, DType::kFloat64, {7, 2, 6, 6}));
  CHECK(first != sent("gaussian(sigma=2)", x, DType::kFloat64, {7, 2, 5, 5}));

  double sum = 0;
  double squares = 0;
  double neighbours = 0;
  int beyond_two = 0;
  for (std::size_t c = 0; c < first.size(); ++c) {
    sum += first[c];
    squares += first[c] * first[c];
    if (c > 0) neighbours += first[c] * first[c - 1];
    beyond_two += std::fabs(first[c]) > 4 ? 1 : 0;
  }
  const double count = static_cast<double>(first.size());
  CHECK(std::fabs(sum / count) < 0.07);         // 5 standard errors
  CHECK(std::fabs(squares / count - 4) < 0.2);  // 5 standard errors
  CHECK(std::fabs(neighbours / count) < 0.15);  // 5 standard errors
  CHECK(std::fabs(beyond_two / count - 0.0455) < 0.0075);
}

TEST_CASE("alie's z is the paper's") {
  // n = 50, f = 24: s = 2, so Phi(z) = 24 / 26.
  CHECK(std::fabs(byzccl::alie_z(50, 24) - 1.4260768722728) < 1e-9);
  CHECK(std::fabs(byzccl::alie_z(50, 12) - 0.33603814037182) < 1e-9);  // 24 / 38
  CHECK(std::fabs(byzccl::alie_z(8, 2)) < 1e-9);                       // 3 / 6
  CHECK_THROWS_AS(byzccl::alie_z(1, 0), byzccl::InvalidArgument);
  CHECK_THROWS_AS(byzccl::alie_z(4, 3), byzccl::InvalidArgument);
  CHECK_THROWS_AS(byzccl::alie_z(4, 4), byzccl::InvalidArgument);
  const Matrix x{{0}, {2}, {0}, {2}};
  const double z = byzccl::alie_z(20, 8);
  CHECK(sent("alie", x, DType::kFloat64, {20, 8, 0, 19})[0] == 1 - z);
}

TEST_CASE("The output may be one of the honest vectors, and vectors may lie anywhere") {
  const Matrix x = honest_vectors(DType::kFloat32);
  const auto want = sent("alie(z=1)", x, DType::kFloat32);
  const std::size_t bytes = x[0].size() * 4;
  const Packed packed(x, DType::kFloat32);
  std::vector<std::vector<std::byte>> shifted(x.size(), std::vector<std::byte>(bytes + 1));
  std::vector<const void*> rows;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto* from = static_cast<const std::byte*>(packed.rows()[i]);
    std::copy(from, from + bytes, shifted[i].begin() + 1);
    rows.push_back(shifted[i].data() + 1);
  }
  craft(Attack::parse("alie(z=1)"), rows, 2500, DType::kFloat32, kContext, shifted[2].data() + 1);
  const std::vector<std::byte> out(shifted[2].begin() + 1, shifted[2].end());
  CHECK(byzccl::testing::unpack(out, DType::kFloat32) == want);
}

TEST_CASE("No columns: nothing is written") {
  for (const char* text : {"none", "alie", "spike", "mimic", "nan", "gaussian", "uniform", "drift",
                           "bit_flip", "bit_flip(count=32)", "min_max", "min_sum", "optimal_alie",
                           "optimal_ipm", "fang_krum", "fang_trim", "dissensus"}) {
    AttackContext context{.n = 4, .f = 1, .rank = 3, .rule = byzccl::Rule::parse("median")};
    if (std::string(text) == "alie") context.n = 20, context.f = 8;
    const std::size_t h = std::string(text) == "fang_krum" ? 4 : 3;
    craft(Attack::parse(text), std::vector<const void*>(h, nullptr), 0, DType::kFloat32, context,
          nullptr);
  }
}

TEST_CASE("What is out of range is refused, with the numbers") {
  const Matrix x{{1, 2}, {3, 4}};
  const DType type = DType::kFloat32;
  const auto message = [&](const std::string& attack, const AttackContext& context) {
    try {
      sent(attack, x, type, context);
    } catch (const byzccl::InvalidArgument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  CHECK(message("mimic(target=2)", kContext).find("target = 2") != std::string::npos);
  CHECK(message("spike(target=2)", kContext).find("d = 2") != std::string::npos);
  CHECK(message("nan", {4, 4, 0, 3}).find("n = 4, f = 4") != std::string::npos);
  CHECK(message("nan", {4, 1, 0, 4}).find("rank = 4") != std::string::npos);
  CHECK(message("alie", {4, 3, 0, 3}).find("n = 4, f = 3") != std::string::npos);
  CHECK(message("alie(z=1)", {4, 3, 0, 3}).empty());
  float out = 0;
  const std::vector<const void*> none;
  CHECK_THROWS_AS(craft(Attack{}, none, 1, type, kContext, &out), byzccl::InvalidArgument);
  const std::vector<const void*> null(1, nullptr);
  CHECK_THROWS_AS(craft(Attack{}, null, 1, type, kContext, &out), byzccl::InvalidArgument);
  const std::vector<const void*> one{&out};
  CHECK_THROWS_AS(craft(Attack{}, one, -1, type, kContext, &out), byzccl::InvalidArgument);
  CHECK_THROWS_AS(craft(Attack{}, one, 1, type, kContext, nullptr), byzccl::InvalidArgument);
}
