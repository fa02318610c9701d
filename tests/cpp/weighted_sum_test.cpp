// SPDX-License-Identifier: MIT
// The weighted sum against the same sum written for one column, bit for bit.

#include "csrc/cpu/weighted_sum.hpp"

#include <byzccl/aggregate.hpp>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl {
namespace {

using test::Row;

// RULES section 2 for one column.
template <class T>
T expected(const std::vector<Row>& rows, const std::vector<double>& weights, double divisor,
           std::int64_t column) {
  using C = Compute<T>;
  C sum = 0;
  bool first = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (weights[i] == 0) continue;
    const C x = static_cast<C>(rows[i].at(column));
    const C weight = static_cast<C>(weights[i]);
    if (divisor > 0) {
      sum = first ? x : sum + x;
    } else {
      sum = first ? weight * x : std::fma(weight, x, sum);
    }
    first = false;
  }
  return narrow<T>(divisor > 0 ? sum / static_cast<C>(divisor) : sum);
}

Row expected_row(const std::vector<Row>& rows, const std::vector<double>& weights, double divisor,
                 std::int64_t d, DType dtype) {
  Row want(d, dtype);
  with_dtype(dtype, [&]<class T>(Type<T>) {
    for (std::int64_t column = 0; column < d; ++column) {
      want.set(column, widen(expected<T>(rows, weights, divisor, column)));
    }
  });
  return want;
}

void sum_into(const std::vector<Row>& rows, const std::vector<double>& weights, double divisor,
              std::int64_t d, DType dtype, void* out) {
  const std::vector<const void*> x = test::pointers(rows);
  cpu::weighted_sum(cpu::make_mix({x, d, dtype}, weights.data(), divisor), d, dtype, out);
}

TEST_CASE("sums have the bits of the definition, over sizes and dtypes") {
  for (const DType dtype : test::kEveryDType) {
    for (const int n : {1, 2, 3, 8, 17, 65}) {
      for (const std::int64_t d : {1, 15, 16, 33, 1024, 16384 + 5}) {
        CAPTURE(to_text(dtype), n, d);
        const auto rows = test::random_stack(n, d, dtype, 7, n % 2 == 0 ? 1 : 0);
        test::Random random(9);
        std::vector<double> ones, weights;
        double count = 0;
        for (int i = 0; i < n; ++i) {
          ones.push_back(i == 0 || random.below(3) > 0 ? 1.0 : 0.0);
          count += ones.back();
          weights.push_back(ones.back() * (0.1 + std::fabs(random.uniform())));
        }
        Row out(d, dtype, 3);
        sum_into(rows, ones, count, d, dtype, out.data());
        CHECK(out.same_bits(expected_row(rows, ones, count, d, dtype)));
        sum_into(rows, weights, 0, d, dtype, out.data());
        CHECK(out.same_bits(expected_row(rows, weights, 0, d, dtype)));
      }
    }
  }
}

TEST_CASE("every 16-bit value is read and written as byzccl::widen and narrow do") {
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    Row every(65536, dtype);
    for (std::int64_t i = 0; i < 65536; ++i) {
      const auto bits = static_cast<std::uint16_t>(i);
      std::memcpy(static_cast<char*>(every.data()) + 2 * i, &bits, 2);
    }
    for (const double weight : {-1.0, 0.3, 1.0009765625, 0x1p-9, 0x1p-20, 1e-38, 3.0, 1e4}) {
      CAPTURE(to_text(dtype), weight);
      const float factor = static_cast<float>(weight);
      const void* x = every.data();
      Row out(65536, dtype);
      cpu::weighted_sum(cpu::make_mix({std::span(&x, 1), 65536, dtype}, &weight, 0), 65536, dtype,
                        out.data());
      int wrong = 0;
      with_dtype(dtype, [&]<class T>(Type<T>) {
        for (std::int64_t i = 0; i < 65536; ++i) {
          const double want =
              widen(narrow<T>(static_cast<Compute<T>>(factor * static_cast<float>(every.at(i)))));
          const double got = out.at(i);
          wrong += std::isnan(want) ? !std::isnan(got)
                                    : got != want || std::signbit(got) != std::signbit(want);
        }
      });
      CHECK(wrong == 0);
    }
  }
}

TEST_CASE("a single weight of 1 copies every bit, payloads of NaN included") {
  for (const DType dtype : test::kEveryDType) {
    const std::int64_t d = 16384 + 3;
    auto rows = test::random_stack(3, d, dtype);
    test::Random random(2);
    for (std::size_t i = 0; i < rows[1].bytes(); ++i) {
      static_cast<unsigned char*>(rows[1].data())[i] = static_cast<unsigned char>(random.next());
    }
    std::memset(rows[1].data(), 0xff, 64);
    for (const double divisor : {0.0, 1.0}) {
      Row out(d, dtype, 1);
      sum_into(rows, {0, 1, 0}, divisor, d, dtype, out.data());
      CHECK(out.same_bits(rows[1]));
    }
  }
}

TEST_CASE("rows without weight are not read") {
  const auto rows = test::random_stack(2, 5, DType::kFloat32);
  const void* x[] = {rows[0].data(), nullptr, rows[1].data()};
  const double weights[] = {0.5, 0, 0.5};
  float out[5];
  cpu::weighted_sum(cpu::make_mix({x, 5, DType::kFloat32}, weights, 0), 5, DType::kFloat32, out);
  CHECK(std::fabs(out[0] - 0.5 * (rows[0].at(0) + rows[1].at(0))) < 1e-6);
}

TEST_CASE("the output may be one of the rows, on any number of threads") {
  const int before = threads();
  for (const DType dtype : test::kEveryDType) {
    const std::int64_t d = 200'003;
    for (const int count : {1, 2, 5}) {
      set_threads(count);
      auto rows = test::random_stack(4, d, dtype);
      const Row want = expected_row(rows, {1, 0, 1, 1}, 3, d, dtype);
      sum_into(rows, {1, 0, 1, 1}, 3, d, dtype, rows[2].data());
      CHECK(rows[2].same_bits(want));
      sum_into(rows, {0, 0, 1, 0}, 1, d, dtype, rows[2].data());
      CHECK(rows[2].same_bits(want));
    }
  }
  set_threads(before);
}

TEST_CASE("NaN, infinity and overflow go through") {
  const auto rows = test::make_stack(2, 4, DType::kFloat32, [](int i, std::int64_t column) {
    const double values[2][4] = {{std::nan(""), 1e38 * 3, HUGE_VAL, 1},
                                 {1, 1e38 * 3, -HUGE_VAL, 1}};
    return values[i][column];
  });
  float out[4];
  sum_into(rows, {1, 1}, 2, 4, DType::kFloat32, out);
  CHECK(std::isnan(out[0]));
  CHECK(std::isinf(out[1]));
  CHECK(std::isnan(out[2]));
  CHECK(out[3] == 1.0f);
}

}  // namespace
}  // namespace byzccl
