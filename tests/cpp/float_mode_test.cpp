// SPDX-License-Identifier: MIT
// Results do not depend on whether the caller flushes denormals, and its mode comes back.

#include <byzccl/aggregate.hpp>
#include <byzccl/attack.hpp>
#include <cmath>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl {
namespace {

#if defined(__x86_64__)
/// Calls fn with flush-to-zero and denormals-are-zero set. @returns whether fn left them so.
template <class Function>
bool flushing_denormals(Function fn) {
  const unsigned before = _mm_getcsr();
  const unsigned flushing = before | 0x8040u;
  _mm_setcsr(flushing);
  fn();
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  return after == flushing;
}

std::vector<test::Row> near_zero(double scale) {
  return test::make_stack(5, 1, DType::kFloat64, [&](int i, std::int64_t) {
    return scale * (i == 4 ? 5 : 1 + 0.1 * i * i);
  });
}

TEST_CASE("krum over float64 distances that are denormal has the same winner and bits") {
  // Differences of 1e-161 and more: their squares are denormal, or lie just above.
  const auto rows = near_zero(1e-160);
  const Rule rule = Rule::parse("krum(f=1)");
  test::Row want(1, DType::kFloat64);
  const Report report = explain(test::pointers(rows), 1, DType::kFloat64, rule, want.data());
  REQUIRE(report.distances[1] > 0);
  REQUIRE(report.weights == std::vector<double>{0, 1, 0, 0, 0});

  test::Row out(1, DType::kFloat64);
  Report flushed;
  CHECK(flushing_denormals(
      [&] { flushed = explain(test::pointers(rows), 1, DType::kFloat64, rule, out.data()); }));
  CHECK(flushed.weights == report.weights);
  CHECK(flushed.scores == report.scores);
  CHECK(flushed.distances == report.distances);
  CHECK(out.same_bits(want));

  test::Row aggregated(1, DType::kFloat64);
  CHECK(flushing_denormals(
      [&] { aggregate(test::pointers(rows), 1, DType::kFloat64, rule, aggregated.data()); }));
  CHECK(aggregated.same_bits(want));
}

TEST_CASE("an adversary of denormal vectors sends the same bits") {
  const auto rows = near_zero(1e-310);
  const Attack attack = Attack::parse("ipm");
  test::Row want(1, DType::kFloat64);
  test::Row out(1, DType::kFloat64);
  craft(attack, test::pointers(rows), 1, DType::kFloat64, {.n = 6, .f = 1}, want.data());
  REQUIRE(want.at(0) < 0);
  CHECK(flushing_denormals([&] {
    craft(attack, test::pointers(rows), 1, DType::kFloat64, {.n = 6, .f = 1}, out.data());
  }));
  CHECK(out.same_bits(want));
}
#else
TEST_CASE("results do not depend on whether the caller flushes denormals") {
  WARN("left out: the test sets the mode of x86-64 alone");
}
#endif

}  // namespace
}  // namespace byzccl
