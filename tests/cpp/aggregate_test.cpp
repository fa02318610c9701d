// SPDX-License-Identifier: MIT
// aggregate and explain as a caller meets them.

#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/stack.hpp"
#if defined(__linux__)
#include "support/pages.hpp"
#endif

namespace byzccl {
namespace {

using test::Row;

const char* const kRules[] = {"mean",   "krum(f=2)",        "multi_krum(f=2)", "guarded_mean(f=2)",
                              "median", "trimmed_mean(f=2)"};

TEST_CASE("krum of the worked case, and its report") {
  const double values[7][2] = {{8, 2}, {8, 5}, {4, 6}, {2, 4}, {9, 2}, {4, 2}, {2, 1}};
  const auto rows = test::make_stack(7, 2, DType::kFloat32,
                                     [&](int i, std::int64_t column) { return values[i][column]; });
  float out[2];
  const Report report =
      explain(test::pointers(rows), 2, DType::kFloat32, Rule::parse(" krum( f = 2 )"), out);
  CHECK(out[0] == 2.0f);
  CHECK(out[1] == 4.0f);
  CHECK(report.rule == "krum(f=2)");
  CHECK(report.algorithm == "local");
  CHECK(report.n == 7);
  CHECK(report.d == 2);
  CHECK_FALSE(report.failed);
  CHECK(report.failure.empty());
  CHECK(report.weights == std::vector<double>{0, 0, 0, 1, 0, 0, 0});
  CHECK(report.scores == std::vector<double>{26, 36, 41, 25, 36, 29, 43});
  CHECK(report.distances.size() == 49);
  CHECK(report.distances[1] == 9);
  CHECK(report.reach.size() == 7);
  CHECK(report.broken.empty());
  CHECK(report.phases.size() == 3);
}

TEST_CASE("a report of a rule without distances has no distances") {
  const auto rows = test::random_stack(5, 3, DType::kFloat64);
  const Report report = explain(test::pointers(rows), 3, DType::kFloat64, Rule::parse("median"));
  CHECK(report.weights.empty());
  CHECK(report.scores.empty());
  CHECK(report.distances.empty());
  CHECK(report.typical_reach == 0);
  const Report mean = explain(test::pointers(rows), 3, DType::kFloat64, Rule::parse("mean"));
  CHECK(mean.weights == std::vector<double>(5, 0.2));
}

TEST_CASE("the shares of a rule with several rows of W are their mean") {
  const auto rows = test::random_stack(7, 50, DType::kFloat32);
  const Report report =
      explain(test::pointers(rows), 50, DType::kFloat32, Rule::parse("bulyan(f=1)"));
  double sum = 0;
  int chosen = 0;
  for (const double share : report.weights) {
    sum += share;
    chosen += share > 0;
  }
  CHECK(std::fabs(sum - 1) < 1e-12);
  CHECK(chosen == 5);
}

TEST_CASE("too many broken vectors fail closed, in every coordinate and in the report") {
  auto rows = test::random_stack(7, 40, DType::kFloat16);
  for (const int i : {0, 3, 6}) rows[static_cast<std::size_t>(i)].set(11, std::nan(""));
  Row out(40, DType::kFloat16);
  const Report report = explain(test::pointers(rows), 40, DType::kFloat16,
                                Rule::parse("guarded_mean(f=2)"), out.data());
  CHECK(report.failed);
  CHECK_FALSE(report.failure.empty());
  CHECK(report.broken.size() == 7);
  CHECK(report.weights == std::vector<double>(7, 0.0));
  for (std::int64_t i = 0; i < 40; ++i) CHECK(std::isnan(out.at(i)));
}

TEST_CASE("columns with more than f bad values are counted and NaN") {
  auto rows = test::random_stack(5, 40, DType::kFloat32);
  for (const int i : {0, 3}) rows[static_cast<std::size_t>(i)].set(11, std::nan(""));
  rows[2].set(39, HUGE_VAL);
  Row out(40, DType::kFloat32);
  const Report report = explain(test::pointers(rows), 40, DType::kFloat32,
                                Rule::parse("trimmed_mean(f=1)"), out.data());
  CHECK(report.nan_columns == 1);
  CHECK_FALSE(report.failed);
  for (std::int64_t i = 0; i < 40; ++i) CHECK(std::isnan(out.at(i)) == (i == 11));
}

TEST_CASE("guarded_mean copies the bits of mean where nothing is flagged") {
  for (const DType dtype : test::kEveryDType) {
    const auto rows = test::random_stack(9, 5000, dtype);
    Row guarded(5000, dtype), mean(5000, dtype);
    aggregate(test::pointers(rows), 5000, dtype, Rule::parse("guarded_mean(f=2)"), guarded.data());
    aggregate(test::pointers(rows), 5000, dtype, Rule::parse("mean"), mean.data());
    CHECK(guarded.same_bits(mean));
  }
}

TEST_CASE("in place, unaligned and on any number of threads the bits are the same") {
  const int before = threads();
  const std::int64_t d = 90'001;
  for (const DType dtype : test::kEveryDType) {
    for (const char* text : kRules) {
      CAPTURE(to_text(dtype), text);
      const Rule rule = Rule::parse(text);
      set_threads(1);
      const auto rows = test::random_stack(7, d, dtype);
      Row want(d, dtype);
      aggregate(test::pointers(rows), d, dtype, rule, want.data());
      set_threads(3);
      auto again = test::random_stack(7, d, dtype, 1, 1);
      aggregate(test::pointers(again), d, dtype, rule, again[2].data());
      CHECK(again[2].same_bits(want));
    }
  }
  set_threads(before);
}

TEST_CASE("no columns are an aggregate like any other") {
  const std::vector<const void*> x(7, nullptr);
  for (const char* text : kRules) {
    CAPTURE(text);
    const Rule rule = Rule::parse(text);
    CHECK_NOTHROW(aggregate(x, 0, DType::kFloat32, rule, nullptr));
    CHECK(explain(x, 0, DType::kFloat32, rule).d == 0);
  }
}

template <class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_CASE("mistakes of the caller are told with their numbers") {
  const auto rows = test::random_stack(3, 4, DType::kFloat32);
  std::vector<const void*> x = test::pointers(rows);
  float out[4];
  const Rule mean = Rule::parse("mean");
  CHECK(message_of([&] { aggregate(x, -1, DType::kFloat32, mean, out); }).find("d = -1") !=
        std::string::npos);
  CHECK(message_of([&] {
          aggregate(x, 4, DType::kFloat32, mean, nullptr);
        }).find("null pointer for the output") != std::string::npos);
  x[1] = nullptr;
  CHECK(message_of([&] { aggregate(x, 4, DType::kFloat32, mean, out); }).find("vector 1") !=
        std::string::npos);
  CHECK_THROWS_AS(aggregate(x, 0, DType::kFloat32, Rule::parse("krum(f=2)"), out), InvalidArgument);
  CHECK_THROWS_AS(aggregate({}, 4, DType::kFloat32, mean, out), InvalidArgument);
  CHECK_THROWS_AS(set_threads(0), InvalidArgument);
}

#if defined(__linux__)
TEST_CASE("more than 2^31 columns", "[large]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  WARN("left out under sanitizers, where it takes minutes");
#else
  const std::int64_t d = (std::int64_t{1} << 31) + 5;
  const std::size_t bytes = static_cast<std::size_t>(d) * sizeof(Float16);
  test::ZeroPages a(bytes), b(bytes), sum(bytes), window(bytes);
  sum.alias();
  window.alias();
  const auto at = [](test::ZeroPages& row, std::int64_t column) -> Float16& {
    return static_cast<Float16*>(row.data())[column];
  };
  const std::int64_t planted[] = {0, 1, (std::int64_t{1} << 30) + 1, d - 6, d - 5, d - 1};
  for (const std::int64_t column : planted) {
    at(a, column) = narrow<Float16>(3.0f);
    at(b, column) = narrow<Float16>(5.0f);
  }
  const void* x[] = {a.data(), b.data()};
  const Report report =
      explain(x, d, DType::kFloat16, Rule::parse("guarded_mean(f=0)"), sum.data());
  CHECK(report.distances[1] == 4.0 * 6);
  for (const std::int64_t column : planted) CHECK(widen(at(sum, column)) == 4.0f);
  CHECK(widen(at(sum, d - 2)) == 0.0f);
  aggregate(x, d, DType::kFloat16, Rule::parse("median"), window.data());
  for (const std::int64_t column : planted) CHECK(widen(at(window, column)) == 4.0f);
  CHECK(widen(at(window, d - 2)) == 0.0f);
#endif
}
#endif

}  // namespace
}  // namespace byzccl
