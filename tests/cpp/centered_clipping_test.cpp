// SPDX-License-Identifier: MIT
// centered_clipping in aggregate(): what the previous output does.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;

constexpr DType kF32 = DType::kFloat32;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Bytes aggregate_of(const std::vector<Bytes>& x, const std::string& rule, const Bytes* previous) {
  const std::int64_t d = static_cast<std::int64_t>(x[0].size() / 4);
  const Caller caller{.previous = previous == nullptr ? nullptr : previous->data()};
  return test::expected_of(x, d, kF32, Rule::parse(rule), caller).out;
}

std::vector<Bytes> vectors(int n, std::int64_t d) {
  std::vector<Bytes> x;
  for (int rank = 0; rank < n; ++rank) x.push_back(test::random_vector(rank, d, kF32));
  return x;
}

Bytes floats(const std::vector<double>& values) { return test::encode(values, kF32); }

TEST_CASE("the previous output moves by at most tau towards each vector") {
  const std::vector<Bytes> x{floats({0, 0}), floats({0, 3}), floats({4, 0}), floats({0, 0})};
  const Bytes v = floats({0, 0});
  CHECK(aggregate_of(x, "centered_clipping(tau=2,f=0)", &v) == floats({0.5, 0.5}));
  const Bytes w = floats({4, 3});  // 5 from vectors 0 and 3, 4 from 1, 3 from 2
  const Report report = test::expected_of(x, 2, kF32, Rule::parse("centered_clipping(tau=1,f=0)"),
                                          {.previous = w.data()})
                            .report;
  CHECK(report.weights == std::vector<double>{0.05, 0.0625, 1.0 / 12, 0.05});
  CHECK(std::fabs(report.previous_weight - (1 - 0.05 - 0.0625 - 1.0 / 12 - 0.05)) < 1e-15);
}

TEST_CASE("where nothing is clipped the previous output has no weight") {
  const std::vector<Bytes> x = vectors(5, 40);
  const Rule rule = Rule::parse("centered_clipping(tau=1000)");
  const Bytes v = test::random_vector(9, 40, kF32);
  const auto got = test::expected_of(x, 40, kF32, rule, {.previous = v.data()});
  CHECK(got.report.previous_weight == 0);
  CHECK(got.report.weights == std::vector<double>(5, 0.2));
}

TEST_CASE("no previous output, zeros, and one that is not finite are the same to the bit") {
  const std::vector<Bytes> x = vectors(7, 3000);
  for (const char* rule :
       {"centered_clipping(tau=3)", "centered_clipping(tau=9,iterations=4)",
        "clip(tau=20)+nnm+centered_clipping(tau=3)", "bucketing(s=2)+centered_clipping(tau=3)"}) {
    CAPTURE(rule);
    const Bytes without = aggregate_of(x, rule, nullptr);
    const Bytes zeros = test::constant_vector(0, 3000, kF32);
    CHECK(aggregate_of(x, rule, &zeros) == without);
    for (const double bad : {kNan, HUGE_VAL, -HUGE_VAL}) {
      std::vector<double> values(3000, 1);
      values[2999] = bad;
      const Bytes v = floats(values);
      CHECK(aggregate_of(x, rule, &v) == without);
    }
    const Bytes ones = test::constant_vector(1, 3000, kF32);
    CHECK(aggregate_of(x, rule, &ones) != without);
  }
}

TEST_CASE("vectors that are infinitely far from it pull nothing") {
  const std::vector<Bytes> near = vectors(5, 100);
  const Bytes far = test::constant_vector(1e30, 100, kF32);
  CHECK(aggregate_of(near, "centered_clipping(tau=1)", &far) == far);
  const std::vector<Bytes> away(5, far);
  CHECK(aggregate_of(away, "centered_clipping(tau=1)", nullptr) ==
        test::constant_vector(0, 100, kF32));
}

TEST_CASE("vectors that clip scales down to nothing leave zeros") {
  std::vector<Bytes> x = vectors(5, 100);
  x[2] = test::constant_vector(kNan, 100, kF32);  // so the previous output keeps some weight
  CHECK(aggregate_of(x, "clip(tau=5e-324)+centered_clipping(tau=1)", nullptr) ==
        test::constant_vector(0, 100, kF32));
}

TEST_CASE("one vector is the result as it is, and the result may replace the previous output") {
  const Bytes v = test::constant_vector(5, 50, kF32);
  const std::vector<Bytes> one = vectors(1, 50);
  CHECK(aggregate_of(one, "centered_clipping(tau=0.5)", &v) == one[0]);
  const std::vector<Bytes> x = vectors(5, 50);
  std::vector<const void*> rows;
  for (const Bytes& row : x) rows.push_back(row.data());
  Bytes state = v;
  const Rule rule = Rule::parse("centered_clipping(tau=0.5)");
  aggregate(rows, 50, kF32, rule, state.data(), {.previous = state.data()});
  CHECK(state == aggregate_of(x, "centered_clipping(tau=0.5)", &v));
}

}  // namespace
}  // namespace byzccl
