// SPDX-License-Identifier: MIT
// The distance kernels on the device double: against float64, and their bits against themselves.

#include <byzccl/rules/grid.hpp>
#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "cuda_on_cpu/device.hpp"
#include "kernels/launch.hpp"
#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::device;
using test::Row;

/// The sums of `shards` shards, and nothing beside them written.
std::vector<double> sums_of(const std::vector<const void*>& rows, std::int64_t d, DType dtype,
                            std::int64_t tile, int shards = 1) {
  const int n = static_cast<int>(rows.size());
  const std::size_t count = static_cast<std::size_t>(shards * rules::pair_count(n));
  const std::size_t bytes = kernels::distance_scratch_bytes(n, d, tile);
  const double guard = -7.25;
  std::vector<double> sums(count + 1, guard);
  std::vector<double> scratch(bytes / sizeof(double) + 1, guard);
  kernels::pairwise_distances({rows, d, dtype}, tile, shards, sums.data(), scratch.data(), nullptr);
  REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
  CHECK(sums.back() == guard);
  CHECK(scratch.back() == guard);
  sums.pop_back();
  return sums;
}

std::vector<double> sums_of(const std::vector<Row>& rows, std::int64_t d, DType dtype) {
  return sums_of(test::pointers(rows), d, dtype,
                 rules::grid(d, static_cast<int>(rows.size())).tile);
}

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

void check(int n, std::int64_t d, DType dtype, std::size_t offset = 0) {
  CAPTURE(n, d, to_text(dtype), offset);
  const double bound = dtype == DType::kFloat64 ? 1e-13 : 2e-6;
  const auto rows = test::random_stack(n, d, dtype, 3, offset * size_of(dtype));
  CHECK(relative_error(rows, d, sums_of(rows, d, dtype)) < bound);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)

TEST_CASE("the distance kernels have no race and stay within their memory") {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat64}) {
    for (const int n : {3, 9, 20}) {
      for (const std::int64_t d : {1, 1024 + 3}) check(n, d, dtype);
    }
  }
}

#else

TEST_CASE("distances agree with float64 for every n") {
  for (int n = 1; n <= 20; ++n) {
    for (const std::int64_t d : {0, 1, n - 1, 1023, 1024, 1025}) check(n, d, DType::kFloat32);
  }
  for (const int n : {31, 32, 33, 64, 65}) {
    for (const std::int64_t d : {1, 1024, 2051}) check(n, d, DType::kFloat32);
  }
  check(128, 77, DType::kFloat32);
  check(256, 300, DType::kFloat32);
}

TEST_CASE("distances agree with float64 for every dtype and alignment") {
  for (const DType dtype : test::kEveryDType) {
    for (const int n : {2, 5, 8, 9, 13, 16, 17, 40}) {
      for (const std::int64_t d : {3, 1025, 2 * 1024 + 7}) {
        check(n, d, dtype);
        check(n, d, dtype, 1);
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
    CHECK(relative_error(rows, d, sums_of(test::pointers(rows), d, DType::kFloat32, tile)) < 2e-6);
  }
}

TEST_CASE("the bits do not depend on alignment, shards, the order of lanes, or a null row") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kFloat64}) {
    for (const int n : {4, 19}) {
      CAPTURE(to_text(dtype), n);
      const std::int64_t tile = 2048;
      const std::int64_t d = 5 * tile + 77;
      const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(n));
      const auto rows = test::random_stack(n, d, dtype, 5);
      const auto x = test::pointers(rows);
      const std::vector<double> want = sums_of(x, d, dtype, tile);
      device().seed = 77;
      CHECK(sums_of(x, d, dtype, tile) == want);
      device() = {};
      const auto shifted = test::random_stack(n, d, dtype, 5, size_of(dtype));
      CHECK(sums_of(test::pointers(shifted), d, dtype, tile) == want);

      // Three shards at once are three shards one by one.
      const rules::Grid grid{3, d, tile, 6};
      const std::vector<double> all = sums_of(x, d, dtype, tile, 3);
      for (int k = 0; k < 3; ++k) {
        std::vector<const void*> part;
        for (const void* row : x) {
          part.push_back(static_cast<const char*>(row) + grid.first_column(k) * size_of(dtype));
        }
        const std::vector<double> one = sums_of(part, grid.columns(k), dtype, tile);
        CHECK(std::equal(one.begin(), one.end(), all.begin() + k * pairs));
      }

      auto with_null = x;
      with_null.back() = nullptr;
      const Row zeros(d, dtype);
      auto with_zeros = x;
      with_zeros.back() = zeros.data();
      CHECK(sums_of(with_null, d, dtype, tile) == sums_of(with_zeros, d, dtype, tile));
    }
  }
}

TEST_CASE("norms are the distances to the zero vector") {
  for (const DType dtype : test::kEveryDType) {
    for (const std::int64_t d : {0, 5, 3000}) {
      const int n = 7;
      const std::int64_t tile = 1024;
      const auto rows = test::random_stack(n, d, dtype);
      std::vector<double> sums(2 * n, -1.0);
      std::vector<double> scratch(kernels::norm_scratch_bytes(n, d, tile) / 8 + 1);
      kernels::norms({test::pointers(rows), d, dtype}, tile, 2, sums.data(), scratch.data(),
                     nullptr);
      REQUIRE(cudaStreamSynchronize(nullptr) == cudaSuccess);
      for (int i = 0; i < n; ++i) {
        const std::vector<double> pair = sums_of({rows[i].data(), nullptr}, d, dtype, tile, 2);
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
      const std::vector<double> sums = sums_of(rows, d, DType::kFloat32);
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

TEST_CASE("without any one of its barriers a distance kernel gives other sums") {
  for (const int n : {5, 65}) {
    const std::int64_t tile = 4096;  // 65 rows: several runs in a strip
    const std::int64_t d = tile;
    const auto rows = test::random_stack(n, d, DType::kFloat32, 9);
    std::set<cuda_on_cpu::Place> barriers;
    device().barriers = &barriers;
    const std::vector<double> want = sums_of(rows, d, DType::kFloat32);
    device().barriers = nullptr;
    CHECK(barriers.size() == (n == 5 ? 1u : 5u));
    for (const cuda_on_cpu::Place& place : barriers) {
      bool differs = false;
      for (std::uint64_t seed = 1; seed <= 8 && !differs; ++seed) {
        device().seed = seed;
        device().dropped = place;
        differs = sums_of(rows, d, DType::kFloat32) != want;
      }
      device() = {};
      CAPTURE(place.first, place.second);
      CHECK(differs);
    }
  }
}

#endif

}  // namespace
}  // namespace byzccl
