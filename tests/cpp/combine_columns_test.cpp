// SPDX-License-Identifier: MIT
// Windows of sorted columns against rules::window_mean on a sorted column, bit for bit, and that
// against the definition.

#include "csrc/cpu/combine_columns.hpp"

#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <byzccl/rules/columns.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl {
namespace {

using test::Row;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Expected {
  std::vector<double> out;
  std::int64_t nan_columns = 0;
};

// y [rows, d] of what is computed in C; the output is rounded to T.
template <class T>
Expected expected(const std::vector<std::vector<Compute<T>>>& y, const Window& window) {
  using C = Compute<T>;
  Expected want;
  for (std::size_t column = 0; column < y[0].size(); ++column) {
    std::vector<C> values;
    for (const auto& row : y) {
      values.push_back(std::isfinite(row[column]) ? row[column]
                                                  : std::numeric_limits<C>::infinity());
    }
    std::sort(values.begin(), values.end());
    if (std::isfinite(values[static_cast<std::size_t>(rules::last_good_place(window))])) {
      want.out.push_back(widen(narrow<T>(rules::window_mean(window, values.data()))));
    } else {
      want.out.push_back(std::nan(""));
      ++want.nan_columns;
    }
  }
  return want;
}

void check_columns(const std::vector<Row>& rows, std::int64_t d, DType dtype,
                   const Window& window) {
  CAPTURE(to_text(dtype), rows.size(), d, static_cast<int>(window.kind), window.f, window.keep);
  Expected want;
  with_dtype(dtype, [&]<class T>(Type<T>) {
    std::vector<std::vector<Compute<T>>> y;
    for (const Row& row : rows) {
      y.emplace_back();
      for (std::int64_t i = 0; i < d; ++i) y.back().push_back(static_cast<Compute<T>>(row.at(i)));
    }
    want = expected<T>(y, window);
  });
  Row out(d, dtype, 1);
  const std::vector<const void*> x = test::pointers(rows);
  CHECK(cpu::combine_columns({x, d, dtype}, {}, window, out.data()) == want.nan_columns);
  int wrong = 0;
  for (std::int64_t i = 0; i < d; ++i) {
    const double expect = want.out[static_cast<std::size_t>(i)];
    wrong += std::isnan(expect) ? !std::isnan(out.at(i)) : out.at(i) != expect;
  }
  CHECK(wrong == 0);
}

void check_windows(const std::vector<Row>& rows, std::int64_t d, DType dtype) {
  const int n = static_cast<int>(rows.size());
  for (const int f : {0, (n - 1) / 4, (n - 1) / 2}) {
    check_columns(rows, d, dtype, {WindowKind::kMedian, n, f, 0});
    check_columns(rows, d, dtype, {WindowKind::kTrimmed, n, f, 0});
    check_columns(rows, d, dtype, {WindowKind::kNearestMedian, n, f, n - f});
    check_columns(rows, d, dtype, {WindowKind::kNearestTrimmed, n, f, n - f});
    check_columns(rows, d, dtype, {WindowKind::kNearestUpperMedian, n, f, n - f});
    check_columns(rows, d, dtype, {WindowKind::kNearestMedian, n, f, std::max(1, n - 2 * f)});
  }
  check_columns(rows, d, dtype, {WindowKind::kNearestMedian, n, 0, 1});
}

// Values with ties, many far ones, and about a fifth that are not finite.
double awkward(test::Random& random) {
  switch (random.below(10)) {
    case 0:
      return std::nan("");
    case 1:
      return random.below(2) == 0 ? kInfinity : -kInfinity;
    case 2:
      return random.below(2) == 0 ? 3e38 : -3e38;
    case 3:
    case 4:
    case 5:
      return random.below(5) - 2;
    default:
      return random.uniform();
  }
}

std::vector<Row> awkward_stack(int n, std::int64_t d, DType dtype) {
  test::Random random(static_cast<std::uint64_t>(n) * 1000 + static_cast<std::uint64_t>(d));
  return test::make_stack(n, d, dtype, [&](int, std::int64_t) { return awkward(random); }, 1);
}

TEST_CASE("windows have the bits of the definition for every number of rows") {
  for (int n = 1; n <= 70; ++n) {
    check_windows(awkward_stack(n, 37, DType::kFloat32), 37, DType::kFloat32);
  }
  for (const int n : {96, 129, 200, 255, 256}) {
    check_windows(awkward_stack(n, 19, DType::kFloat32), 19, DType::kFloat32);
  }
}

TEST_CASE("ends that tie but for rounding leave as the definition says") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    for (int n = 3; n <= 33; n += 2) {
      const std::int64_t d = 500 + 3;
      test::Random random(static_cast<std::uint64_t>(n));
      check_windows(test::make_stack(n, d, dtype,
                                     [&](int, std::int64_t) {
                                       const int parts = 1 + random.below(7);
                                       return static_cast<double>(random.below(4 * parts)) / parts;
                                     }),
                    d, dtype);
    }
  }
}

TEST_CASE("windows have the bits of the definition for every dtype and tail") {
  for (const DType dtype : test::kEveryDType) {
    for (const int n : {3, 8, 13}) {
      for (const std::int64_t d : {0, 1, 7, 16, 17, 32 + 15, 8192 + 31}) {
        if (d == 0) {
          float nothing = 0;
          const std::vector<const void*> x(static_cast<std::size_t>(n), nullptr);
          CHECK(cpu::combine_columns({x, 0, dtype}, {}, {WindowKind::kMedian, n, 1, 0}, &nothing) ==
                0);
          continue;
        }
        check_windows(awkward_stack(n, d, dtype), d, dtype);
      }
    }
  }
}

TEST_CASE("every value of 16 bits has its place") {
  const std::int64_t d = 1 << 16;
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    std::vector<Row> rows;
    for (int i = 0; i < 5; ++i) rows.emplace_back(d, dtype);
    test::Random random(16);
    for (std::int64_t column = 0; column < d; ++column) {
      const auto bits = static_cast<std::uint16_t>(column);
      std::memcpy(static_cast<char*>(rows[3].data()) + 2 * column, &bits, 2);
      for (const std::size_t i : {0, 1, 2}) rows[i].set(column, random.uniform());
      rows[4].set(column, awkward(random));
    }
    check_windows(rows, d, dtype);
  }
}

TEST_CASE("rows picked by W are the rows themselves") {
  const std::int64_t d = 301;
  for (const DType dtype : test::kEveryDType) {
    const auto rows = awkward_stack(9, d, dtype);
    const std::vector<const void*> x = test::pointers(rows);
    const int picked[] = {7, 2, 3, 0, 8};
    std::vector<cpu::Mix> mixes;
    std::vector<const void*> chosen;
    for (const int row : picked) {
      std::vector<double> weights(9, 0.0);
      weights[static_cast<std::size_t>(row)] = 1;
      mixes.push_back(cpu::make_mix({x, d, dtype}, weights.data(), 0));
      chosen.push_back(x[static_cast<std::size_t>(row)]);
    }
    const Window window{WindowKind::kNearestMedian, 5, 1, 3};
    Row got(d, dtype), want(d, dtype);
    CHECK(cpu::combine_columns({x, d, dtype}, mixes, window, got.data()) ==
          cpu::combine_columns({chosen, d, dtype}, {}, window, want.data()));
    CHECK(got.same_bits(want));
  }
}

TEST_CASE("rows formed by W are rounded as the definition says, and may be absent") {
  for (const DType dtype : test::kEveryDType) {
    for (const double divisor : {0.0, 2.0}) {
      const std::int64_t d = 600 + 13;
      const auto rows = test::random_stack(6, d, dtype);
      const std::vector<const void*> x = test::pointers(rows);
      std::vector<std::vector<double>> W(5, std::vector<double>(6, 0.0));
      for (std::size_t i = 0; i < 3; ++i) {  // row 3 is absent, row 4 zeros
        W[i][i] = divisor > 0 ? 1 : 0.3;
        W[i][i + 2] = divisor > 0 ? 1 : 0.7;
      }
      std::vector<cpu::Mix> mixes;
      for (const auto& weights : W) {
        mixes.push_back(cpu::make_mix({x, d, dtype}, weights.data(), divisor));
      }
      mixes[3].absent = true;
      const Window window{WindowKind::kMedian, 5, 1, 0};
      Row out(d, dtype);
      CHECK(cpu::combine_columns({x, d, dtype}, mixes, window, out.data()) == 0);
      with_dtype(dtype, [&]<class T>(Type<T>) {
        using C = Compute<T>;
        std::vector<std::vector<C>> y(5);
        for (std::int64_t column = 0; column < d; ++column) {
          for (std::size_t i = 0; i < 3; ++i) {
            const C a = static_cast<C>(rows[i].at(column));
            const C b = static_cast<C>(rows[i + 2].at(column));
            y[i].push_back(divisor > 0 ? (a + b) / static_cast<C>(2)
                                       : std::fma(static_cast<C>(0.7), b, static_cast<C>(0.3) * a));
          }
          y[3].push_back(std::numeric_limits<C>::infinity());
          y[4].push_back(0);
        }
        const Expected want = expected<T>(y, window);
        int wrong = 0;
        for (std::int64_t column = 0; column < d; ++column) {
          wrong += out.at(column) != want.out[static_cast<std::size_t>(column)];
        }
        CHECK(wrong == 0);
      });
    }
  }
}

TEST_CASE("the output may be one of the rows, on any number of threads") {
  const int before = threads();
  const std::int64_t d = 100'003;
  const Window window{WindowKind::kTrimmed, 8, 2, 0};
  set_threads(1);
  const auto rows = test::random_stack(8, d, DType::kFloat16);
  Row want(d, DType::kFloat16);
  cpu::combine_columns({test::pointers(rows), d, DType::kFloat16}, {}, window, want.data());
  for (const int count : {1, 2, 5}) {
    set_threads(count);
    auto again = test::random_stack(8, d, DType::kFloat16);
    cpu::combine_columns({test::pointers(again), d, DType::kFloat16}, {}, window, again[3].data());
    CHECK(again[3].same_bits(want));
  }
  set_threads(before);
}

}  // namespace
}  // namespace byzccl
