// SPDX-License-Identifier: MIT
// The distance kernels, on a GPU or the device double: against float64, and their bits against
// themselves.

#include <byzccl/rule.hpp>
#include <byzccl/rules/grid.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/stack.hpp"
#include "tests/cuda/support/pair_sums.hpp"

namespace byzccl {
namespace {

using test::PairSums;
using test::Row;

double relative_error(const std::vector<Row>& rows, std::int64_t d,
                      const std::vector<double>& sums) {
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
      const double error = want == 0 ? got : std::fabs(got - want) / want;
      worst = std::isnan(error) ? error : std::max(worst, error);
    }
  }
  return worst;
}

constexpr std::int64_t kTile = 1024;  // the smallest there is

/// @param offset  vector i starts (i + 1) * offset elements after an aligned address
void check(int n, std::int64_t d, DType dtype, std::size_t offset = 0) {
  CAPTURE(n, d, to_text(dtype), offset);
  const double bound = dtype == DType::kFloat64 ? 1e-13 : 2e-6;
  const auto rows = test::random_stack(n, d, dtype, 3, offset * size_of(dtype));
  const PairSums device(rows, d, dtype);
  CHECK(relative_error(rows, d, device.of(device.x(), d, kTile)) < bound);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)

TEST_CASE("the distance kernels have no race and stay within their memory") {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat64}) {
    for (const int n : {3, 9, 20}) {
      for (const std::int64_t d : {1, 1024 + 3}) check(n, d, dtype);
    }
  }
  check(65, 130, DType::kFloat32);  // of several blocks a strip
}

#else

TEST_CASE("distances agree with float64 for every n, dtype and number of columns") {
  std::vector<int> counts{31, 32, 33, 64, 65, 128, 256};
  for (int n = 1; n <= 20; ++n) counts.push_back(n);
  for (const int n : counts) {
    for (const DType dtype : test::kEveryDType) {
      for (const std::int64_t d :
           {std::int64_t{0}, std::int64_t{1}, std::int64_t{n} - 1, kTile - 1, kTile, kTile + 1}) {
        // 32,640 pairs: one type is enough for as many columns.
        if (n < 256 || d < kTile || dtype == DType::kFloat32) check(n, d, dtype);
      }
      if (n < 128) check(n, 2 * kTile + 7, dtype);
    }
  }
  check(kMaxVectors + 1, 9, DType::kFloat32);
}

TEST_CASE("distances agree with float64 for every alignment") {
  for (const DType dtype : test::kEveryDType) {
    for (const int n : {2, 4, 8, 9, 16, 17, 40}) {  // of every width of a load
      for (std::size_t offset = 1; offset * size_of(dtype) < 16; ++offset) {
        check(n, 3, dtype, offset);
        check(n, kTile + 1, dtype, offset);
      }
    }
    check(200, 35, dtype, 1);
  }
}

TEST_CASE("large tiles, of several strips, agree with float64") {
  for (const int n : {2, 16, 17}) {
    const std::int64_t tile = 1024 * 11;
    const std::int64_t d = 2 * tile + 5000;
    const auto rows = test::random_stack(n, d, DType::kFloat32);
    CAPTURE(n);
    const PairSums device(rows, d, DType::kFloat32);
    CHECK(relative_error(rows, d, device.of(device.x(), d, tile)) < 2e-6);
    for (const double sum : device.of(device.x(), 0, tile)) CHECK(sum == 0);
  }
}

TEST_CASE("the bits do not depend on alignment, shards, or a null row") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kFloat64}) {
    for (const int n : {4, 19}) {
      CAPTURE(to_text(dtype), n);
      const std::int64_t tile = 2048;
      const std::int64_t d = 5 * tile + 77;
      const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(n));
      const PairSums device(test::random_stack(n, d, dtype, 5), d, dtype);
      const std::vector<double> want = device.of(device.x(), d, tile);
      const PairSums shifted(test::random_stack(n, d, dtype, 5, size_of(dtype)), d, dtype);
      CHECK(shifted.of(shifted.x(), d, tile) == want);

      // Three shards at once are three shards one by one.
      const rules::Grid grid{3, d, tile, 6};
      const std::vector<double> all = device.of(device.x(), d, tile, 3);
      for (int k = 0; k < 3; ++k) {
        std::vector<const void*> part;
        for (const void* row : device.x()) {
          part.push_back(static_cast<const char*>(row) + grid.first_column(k) * size_of(dtype));
        }
        const std::vector<double> one = device.of(part, grid.columns(k), tile);
        CHECK(std::equal(one.begin(), one.end(), all.begin() + k * pairs));
      }

      auto with_null = device.x();
      with_null.back() = nullptr;
      auto rows = test::random_stack(n, d, dtype, 5);
      rows.back() = Row(d, dtype);
      const PairSums with_zeros(rows, d, dtype);
      CHECK(device.of(with_null, d, tile) == with_zeros.of(with_zeros.x(), d, tile));
    }
  }
}

TEST_CASE("a shard may have more tiles than a block adds at a time") {
  const int n = 3;
  const int tiles = 70;
  const std::int64_t d = tiles * 1024 - 5;
  const PairSums device(test::random_stack(n, d, DType::kFloat32, 6), d, DType::kFloat32);
  const std::vector<double> each = device.of(device.x(), d, 1024, tiles);
  const std::vector<double> together = device.of(device.x(), d, 1024, 1);
  for (std::size_t pair = 0; pair < 3; ++pair) {
    double sum = 0;
    for (std::size_t tile = 0; tile < tiles; ++tile) sum += each[tile * 3 + pair];
    CHECK(together[pair] == sum);
  }
}

TEST_CASE("norms are the distances to the zero vector") {
  for (const DType dtype : test::kEveryDType) {
    for (const std::int64_t d : {0, 5, 3000}) {
      const int n = 7;
      const std::int64_t tile = 1024;
      const PairSums device(test::random_stack(n, d, dtype), d, dtype);
      const std::vector<double> sums = device.norms(tile, 2);
      for (int i = 0; i < n; ++i) {
        const std::vector<double> pair = device.of({device.x()[i], nullptr}, d, tile, 2);
        CHECK(sums[i] == pair[0]);
        CHECK(sums[n + i] == pair[1]);
      }
    }
  }
}

TEST_CASE("values that are not finite, or overflow, reach the sums of their row only") {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const int n : {6, 18}) {
    for (const double bad : {std::nan(""), infinity, -infinity, 1e30}) {
      const std::int64_t d = 1030;
      auto rows = test::random_stack(n, d, DType::kFloat32);
      rows[4].set(d - 1, bad);
      const std::vector<double> sums = PairSums(rows, d, DType::kFloat32).of_all();
      for (int i = 0; i < n; ++i) {
        for (int j = i + 1; j < n; ++j) {
          const double sum = sums[static_cast<std::size_t>(rules::pair_index(i, j, n))];
          if (std::isfinite(sum) != (i != 4 && j != 4))
            FAIL(n << " " << bad << " " << i << " " << j);
        }
      }
    }
  }
}

#endif

}  // namespace
}  // namespace byzccl
