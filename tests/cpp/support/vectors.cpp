// SPDX-License-Identifier: MIT
#include "support/vectors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <byzccl/attack.hpp>
#include <cmath>
#include <cstring>
#include <numeric>

namespace byzccl::testing {
namespace {

// An IEEE format: bits of the significand with the hidden one, and the exponents of 2 of its
// largest and smallest normal numbers.
struct Format {
  int digits;
  int largest;
  int smallest;
};

Format format_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return {11, 15, -14};
    case DType::kBFloat16:
      return {8, 127, -126};
    case DType::kFloat64:
      return {53, 1023, -1022};
    case DType::kFloat32:
      break;
  }
  return {24, 127, -126};
}

// Exponent of 2 of the last bit of a number of x's size.
int last_bit(double x, const Format& format) {
  int exponent = 0;
  std::frexp(x, &exponent);  // |x| = [0.5, 1) * 2^exponent
  return std::max(exponent - 1, format.smallest) - format.digits + 1;
}

// x, exact in the dtype, as its bits: sign, exponent, fraction.
std::uint64_t encode(double x, DType dtype) {
  if (dtype == DType::kFloat64) return std::bit_cast<std::uint64_t>(x);
  const Format format = format_of(dtype);
  const int fraction_bits = format.digits - 1;
  const std::uint64_t all_ones = static_cast<std::uint64_t>(2 * format.largest + 1);
  const std::uint64_t sign = std::signbit(x) ? 1 : 0;
  std::uint64_t exponent = 0;
  std::uint64_t fraction = 0;
  if (!std::isfinite(x)) {
    exponent = all_ones;
    fraction = std::isnan(x) ? std::uint64_t{1} << (fraction_bits - 1) : 0;
  } else if (x != 0) {
    const auto significand =
        static_cast<std::uint64_t>(std::ldexp(std::fabs(x), -last_bit(x, format)));
    const bool normal = significand >> fraction_bits != 0;
    exponent = normal ? static_cast<std::uint64_t>(std::ilogb(x) + format.largest) : 0;
    fraction = significand & ((std::uint64_t{1} << fraction_bits) - 1);
  }
  const int width = static_cast<int>(8 * size_of(dtype));
  return sign << (width - 1) | exponent << fraction_bits | fraction;
}

double decode(std::uint64_t bits, DType dtype) {
  if (dtype == DType::kFloat64) return std::bit_cast<double>(bits);
  const Format format = format_of(dtype);
  const int fraction_bits = format.digits - 1;
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << fraction_bits) - 1);
  const int width = static_cast<int>(8 * size_of(dtype));
  const int all_ones = 2 * format.largest + 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & all_ones;
  const double sign = bits >> (width - 1) & 1 ? -1 : 1;
  if (exponent == all_ones) return fraction == 0 ? sign * kInfinity : std::nan("");
  const std::uint64_t hidden = exponent == 0 ? 0 : std::uint64_t{1} << fraction_bits;
  return sign * std::ldexp(static_cast<double>(fraction | hidden),
                           std::max(exponent, 1) - format.largest - fraction_bits);
}

}  // namespace

double quantise(double x, DType dtype) {
  if (x == 0 || !std::isfinite(x)) return x;
  const Format format = format_of(dtype);
  const int last = last_bit(x, format);
  const double rounded = std::ldexp(std::nearbyint(std::ldexp(x, -last)), last);
  return std::fabs(rounded) >= std::ldexp(1.0, format.largest) * 2 ? std::copysign(kInfinity, x)
                                                                   : rounded;
}

double half_ulp(double x, DType dtype) {
  return std::isfinite(x) ? std::ldexp(0.5, last_bit(x, format_of(dtype))) : 0;
}

Packed::Packed(const Matrix& x, DType dtype) {
  for (const std::vector<double>& row : x) {
    std::vector<std::byte>& to = bytes_.emplace_back(row.size() * size_of(dtype));
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::uint64_t bits = encode(row[c], dtype);
      std::memcpy(to.data() + c * size_of(dtype), &bits, size_of(dtype));  // little-endian hosts
    }
    rows_.push_back(to.data());
  }
}

std::vector<double> unpack(const std::vector<std::byte>& bytes, DType dtype) {
  std::vector<double> values;
  for (std::size_t at = 0; at < bytes.size(); at += size_of(dtype)) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, bytes.data() + at, size_of(dtype));
    values.push_back(decode(bits, dtype));
  }
  return values;
}

}  // namespace byzccl::testing
