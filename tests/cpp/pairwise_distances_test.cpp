// SPDX-License-Identifier: MIT
// Sums of squared differences against float64, and their bits against themselves.

#include "csrc/cpu/pairwise_distances.hpp"

#include <byzccl/aggregate.hpp>
#include <byzccl/rules/grid.hpp>
#include <cmath>
#include <limits>
#include <vector>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl {
namespace {

using test::Row;

std::vector<double> distances(const std::vector<Row>& rows, std::int64_t d, DType dtype) {
  const int n = static_cast<int>(rows.size());
  const rules::Grid grid = rules::grid(d, n);
  std::vector<std::int64_t> ends;
  for (int k = 1; k <= n; ++k) ends.push_back(grid.first_tile(k));
  std::vector<double> sums(static_cast<std::size_t>(rules::pair_count(n)), -1.0);
  cpu::pairwise_distances({test::pointers(rows), d, dtype}, grid.tile, ends, sums.data());
  return sums;
}

double relative_error(const std::vector<Row>& rows, std::int64_t d, DType dtype) {
  const std::vector<double> sums = distances(rows, d, dtype);
  const int n = static_cast<int>(rows.size());
  std::vector<std::vector<double>> x(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::int64_t column = 0; column < d; ++column) x[i].push_back(rows[i].at(column));
  }
  double worst = 0;
  for (int i = 0; i < n; ++i) {
    for (int j = i + 1; j < n; ++j) {
      double want = 0;
      for (std::size_t column = 0; column < x[i].size(); ++column) {
        want += (x[i][column] - x[j][column]) * (x[i][column] - x[j][column]);
      }
      const double got = sums[static_cast<std::size_t>(rules::pair_index(i, j, n))];
      worst = std::max(worst, want == 0 ? got : std::fabs(got - want) / want);
    }
  }
  return worst;
}

TEST_CASE("distances agree with float64 for every n") {
  for (int n = 1; n <= 20; ++n) {
    for (const std::int64_t d : {0, 1, n - 1, 31, 1023, 1025}) {
      CAPTURE(n, d);
      CHECK(relative_error(test::random_stack(n, d, DType::kFloat32), d, DType::kFloat32) < 2e-6);
    }
  }
}

TEST_CASE("distances agree with float64 for many vectors") {
  for (const int n : {33, 64, 200, 256}) {
    for (const std::int64_t d : {1, 255, 1025}) {
      CAPTURE(n, d);
      CHECK(relative_error(test::random_stack(n, d, DType::kFloat32), d, DType::kFloat32) < 2e-6);
    }
  }
}

TEST_CASE("distances agree with float64 for every dtype, unaligned, over several tiles") {
  for (const DType dtype : test::kEveryDType) {
    const double bound = dtype == DType::kFloat64 ? 1e-13 : 2e-6;
    for (const int n : {2, 3, 5, 16, 17}) {
      for (const std::int64_t d : {5, 1024, 4096 + 7, 65536 + 3}) {
        CAPTURE(to_text(dtype), n, d);
        CHECK(relative_error(test::random_stack(n, d, dtype, 3, 1), d, dtype) < bound);
      }
    }
  }
}

TEST_CASE("large tiles agree with float64") {
  const std::int64_t d = 3 * 65536 * 2 + 11;  // tiles of 4096 columns
  REQUIRE(rules::grid(d, 2).tile == 4096);
  for (const DType dtype : test::kEveryDType) {
    CAPTURE(to_text(dtype));
    CHECK(relative_error(test::random_stack(2, d, dtype), d, dtype) < 2e-6);
  }
}

TEST_CASE("the bits of D do not depend on threads, alignment or who owns a shard") {
  const int before = threads();
  for (const DType dtype : test::kEveryDType) {
    for (const int n : {2, 7, 18}) {
      const std::int64_t d = 150'000 + 77;
      CAPTURE(to_text(dtype), n);
      const auto rows = test::random_stack(n, d, dtype, 5);
      set_threads(1);
      const std::vector<double> want = distances(rows, d, dtype);
      for (const int count : {2, 3, 5}) {
        set_threads(count);
        CHECK(distances(rows, d, dtype) == want);
      }
      CHECK(distances(test::random_stack(n, d, dtype, 5, 3), d, dtype) == want);

      const auto steps = make_cpu_steps();
      const Plan plan = byzccl::plan(Rule::parse("mda(f=0)"), n, dtype);
      const rules::Grid grid = rules::grid(d, n);
      const std::size_t pairs = want.size();
      std::vector<double> shards(pairs * static_cast<std::size_t>(n));
      for (int k = 0; k < n; ++k) {
        std::vector<const void*> part;
        for (const Row& row : rows) {
          part.push_back(static_cast<const char*>(row.data()) +
                         static_cast<std::size_t>(grid.first_column(k)) * size_of(dtype));
        }
        steps->pairwise_distances(plan, {}, {part, grid.columns(k), dtype}, grid.tile,
                                  shards.data() + static_cast<std::size_t>(k) * pairs);
      }
      std::vector<double> total(pairs, 0.0);
      steps->add_shards(shards.data(), n, pairs, total.data());
      CHECK(total == want);
    }
  }
  set_threads(before);
}

TEST_CASE("values that are not finite, or overflow, reach the sums of their row only") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), infinity, -infinity, 1e30}) {
    for (const std::int64_t d : {3, 1000, 70'001}) {
      auto rows = test::random_stack(6, d, DType::kFloat32);
      rows[4].set(d - 1, bad);
      const std::vector<double> sums = distances(rows, d, DType::kFloat32);
      for (int i = 0; i < 6; ++i) {
        for (int j = i + 1; j < 6; ++j) {
          CAPTURE(bad, d, i, j);
          const double sum = sums[static_cast<std::size_t>(rules::pair_index(i, j, 6))];
          CHECK(std::isfinite(sum) == (i != 4 && j != 4));
        }
      }
    }
  }
  auto both = test::random_stack(3, 9, DType::kFloat32);
  both[0].set(0, infinity);
  both[1].set(0, infinity);
  CHECK(std::isnan(distances(both, 9, DType::kFloat32)[0]));
}

TEST_CASE("spread makes D symmetric and what is no finite sum of squares infinite") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), infinity, -infinity, -0.5, -1e-300}) {
    CAPTURE(bad);
    const std::vector<double> pairs = {1, bad, infinity};
    std::vector<double> D(9, -1.0);
    make_cpu_steps()->spread(pairs.data(), 1, 3, 3, D.data());
    CHECK(D == std::vector<double>{0, 1, infinity, 1, 0, infinity, infinity, infinity, 0});
  }
  const std::vector<double> pairs = {1, -1.0, infinity};
  std::vector<double> lines(6, -1.0);
  make_cpu_steps()->spread(pairs.data(), 1, 3, 2, lines.data());
  CHECK(lines == std::vector<double>{0, 1, 1, 0, infinity, infinity});
}

TEST_CASE("any number of threads may be asked for") {
  const int before = threads();
  for (const std::int64_t d : {64, 300'000}) {
    const auto rows = test::random_stack(4, d, DType::kFloat32);
    set_threads(1);
    const std::vector<double> want = distances(rows, d, DType::kFloat32);
    for (const int count : {1 << 29, std::numeric_limits<int>::max()}) {
      CAPTURE(d, count);
      set_threads(count);
      CHECK(distances(rows, d, DType::kFloat32) == want);
    }
  }
  set_threads(before);
}

TEST_CASE("a null row is the zero vector, and the pairs of the others keep their bits") {
  for (const DType dtype : test::kEveryDType) {
    for (const std::int64_t d : {1, 37, 5000}) {
      const auto rows = test::random_stack(4, d, dtype);
      std::vector<const void*> x = test::pointers(rows);
      const test::Row zeros(d, dtype);
      const std::vector<std::int64_t> ends{(d + 1023) / 1024};
      std::vector<double> four(6);
      cpu::pairwise_distances({x, d, dtype}, 1024, ends, four.data());
      x.push_back(nullptr);
      std::vector<double> with_null(10);
      cpu::pairwise_distances({x, d, dtype}, 1024, ends, with_null.data());
      x.back() = zeros.data();
      std::vector<double> with_zeros(10);
      cpu::pairwise_distances({x, d, dtype}, 1024, ends, with_zeros.data());
      CHECK(with_null == with_zeros);
      for (int i = 0; i < 4; ++i) {
        for (int j = i + 1; j < 4; ++j) {
          CHECK(with_null[rules::pair_index(i, j, 5)] == four[rules::pair_index(i, j, 4)]);
        }
      }
    }
  }
}

#if defined(__x86_64__)
TEST_CASE("denormals count although the caller flushes them, and the caller's mode comes back") {
  const std::int64_t d = 100'000;
  const auto rows =
      test::make_stack(9, d, DType::kFloat32, [](int i, std::int64_t) { return i * 1e-20; });
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040u);
  const std::vector<double> sums = distances(rows, d, DType::kFloat32);
  const unsigned after = _mm_getcsr();
  _mm_setcsr(before);
  CHECK(after == (before | 0x8040u));
  CHECK(std::fabs(sums[0] / (static_cast<double>(d) * 1e-40) - 1) < 1e-4);
}
#endif

}  // namespace
}  // namespace byzccl
