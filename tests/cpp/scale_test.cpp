// SPDX-License-Identifier: MIT
// A power of two that scales the input, tau and the previous output scales the output exactly,
// wherever squares and results stay normal.

#include <byzccl/aggregate.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "support/awkward.hpp"
#include "support/catch.hpp"

namespace byzccl {
namespace {

using test::Row;

/// Powers of two that leave values near 1, their differences and the squares of these normal.
std::vector<int> exponents(DType dtype) {
  switch (dtype) {
    case DType::kFloat64:
      return {-330, -300, -161, -80, -1, 60, 100, 200, 256, 333, 400};
    case DType::kFloat16:  // rounded to a type that is normal from 2^-14 to 2^15
      return {-4, -1, 3, 8};
    default:
      return {-30, -11, -1, 5, 30, 45};
  }
}

/// The rule with every tau times 2^exponent.
Rule scaled(const std::string& text, int exponent) {
  Rule rule = Rule::parse(text);
  if (rule.tau) rule.tau = std::ldexp(*rule.tau, exponent);
  if (rule.scaling && rule.scaling->tau) {
    rule.scaling->tau = std::ldexp(*rule.scaling->tau, exponent);
  }
  return rule;
}

struct Input {
  int n;
  std::int64_t d;
  int far;  ///< rows 30 times longer
};

/// Values of a few bits, so that no type rounds them away, and none of them tiny.
std::vector<Row> rows_of(const Input& input, DType dtype, int exponent) {
  test::Random random(11);
  const auto value = [&](int i, std::int64_t) {
    const double u = random.uniform();
    const double coarse = std::round(u * 64) / 64;
    return std::ldexp((coarse == 0 ? 0.25 : coarse) * (i < input.far ? 30 : 1), exponent);
  };
  return test::make_stack(input.n + 1, input.d, dtype,
                          value);  // the last one is the previous output
}

struct Result {
  Row out;
  Report report;
};

Result run(const Rule& rule, const Input& input, DType dtype, int exponent) {
  const auto rows = rows_of(input, dtype, exponent);
  std::vector<const void*> x = test::pointers(rows);
  const void* const previous = x.back();
  x.pop_back();
  Result result{Row(input.d, dtype), {}};
  result.report = explain(x, input.d, dtype, rule, result.out.data(),
                          {.own = 3, .step = 1, .previous = previous});
  return result;
}

void check(const std::string& text, const Input& input, DType dtype) {
  const Result plain = run(Rule::parse(text), input, dtype, 0);
  REQUIRE(!plain.report.failed);
  for (const int exponent : exponents(dtype)) {
    CAPTURE(text, input.n, to_text(dtype), exponent);
    const Result moved = run(scaled(text, exponent), input, dtype, exponent);
    CHECK(moved.report.broken == plain.report.broken);
    CHECK(moved.report.weights == plain.report.weights);
    int wrong = 0;
    for (std::int64_t c = 0; c < input.d; ++c) {
      const double want = std::ldexp(plain.out.at(c), exponent);
      const bool is_normal = dtype != DType::kFloat16 ||
                             std::fmin(std::fabs(want), std::fabs(plain.out.at(c))) >= 0x1p-14;
      wrong += is_normal && moved.out.at(c) != want;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("A power of two that scales all that comes in scales what comes out") {
  for (const DType dtype : test::kEveryDType) {
    for (const Input& input : {Input{7, 33, 2}, Input{11, 33, 2}, Input{11, 5, 0}}) {
      for (const std::string& text : test::every_rule_behind_steps(input.n)) {
        if (text.find("1e-200") == std::string::npos) check(text, input, dtype);
      }
    }
  }
}

TEST_CASE("So it does where caf takes power steps, and smea many sets") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    check("caf(f=9)", {40, 12, 9}, dtype);
    check("smea(f=5)", {16, 40, 5}, dtype);
  }
}

}  // namespace
}  // namespace byzccl
