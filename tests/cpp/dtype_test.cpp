// SPDX-License-Identifier: MIT
// The 16-bit types against their definitions, over every value.

#include <bit>
#include <byzccl/dtype.hpp>
#include <cmath>
#include <limits>
#include <string>

#include "support/catch.hpp"

namespace byzccl {
namespace {

// sign (1 + fraction / 2^bits) 2^(exponent - bias), from the definition of the format.
double decode(unsigned bits, int fraction_bits, int exponent_bits) {
  const int fraction = static_cast<int>(bits & ((1u << fraction_bits) - 1));
  const int exponent = static_cast<int>(bits >> fraction_bits & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double sign = bits & 0x8000u ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction != 0 ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  }
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

template <class T>
void check_every_value(int fraction_bits, int exponent_bits) {
  int wrong = 0;
  for (unsigned bits = 0; bits < 0x10000u; ++bits) {
    const T x{static_cast<std::uint16_t>(bits)};
    const double want = decode(bits, fraction_bits, exponent_bits);
    const float wide = widen(x);
    if (std::isnan(want)) {
      wrong += !std::isnan(wide) || !std::isnan(widen(narrow<T>(wide)));
      continue;
    }
    wrong += static_cast<double>(wide) != want || std::signbit(wide) != std::signbit(want);
    wrong += narrow<T>(wide).bits != bits;
  }
  CHECK(wrong == 0);
}

// narrow is monotone, so that its steps between neighbours decide it everywhere.
template <class T>
void check_every_step(unsigned infinity_bits) {
  const float limit = std::numeric_limits<float>::infinity();
  int wrong = 0;
  for (unsigned bits = 0; bits < infinity_bits; ++bits) {
    const T low{static_cast<std::uint16_t>(bits)};
    const T high{static_cast<std::uint16_t>(bits + 1)};
    // What would come after the largest finite value, had the format more exponents.
    const double above = bits + 1 == infinity_bits
                             ? 2.0 * widen(low) - widen(T{static_cast<std::uint16_t>(bits - 1)})
                             : static_cast<double>(widen(high));
    const double middle = 0.5 * (static_cast<double>(widen(low)) + above);
    const float tie = static_cast<float>(middle);
    REQUIRE(static_cast<double>(tie) == middle);
    const unsigned even = bits % 2 == 0 ? bits : bits + 1;
    for (const unsigned sign : {0u, 0x8000u}) {
      const auto got = [&](float x) { return narrow<T>(sign ? -x : x).bits; };
      wrong += got(tie) != (sign | even);
      wrong += got(std::nextafter(tie, -1.0f)) != (sign | bits);
      wrong += got(std::nextafter(tie, limit)) != (sign | (bits + 1));
    }
  }
  CHECK(wrong == 0);
  CHECK(narrow<T>(std::numeric_limits<float>::max()).bits == infinity_bits);
  CHECK(narrow<T>(limit).bits == infinity_bits);
  CHECK(narrow<T>(-limit).bits == (0x8000u | infinity_bits));
}

TEST_CASE("every float16 widens to its value and narrows back") {
  check_every_value<Float16>(10, 5);
}

TEST_CASE("every bfloat16 widens to its value and narrows back") {
  check_every_value<BFloat16>(7, 8);
}

TEST_CASE("narrow rounds to the nearest float16, ties to even") {
  check_every_step<Float16>(0x7c00);
}

TEST_CASE("narrow rounds to the nearest bfloat16, ties to even") {
  check_every_step<BFloat16>(0x7f80);
}

TEST_CASE("NaN stays NaN whatever its payload") {
  for (const std::uint32_t bits :
       {0x7f800001u, 0x7fc00000u, 0x7fffffffu, 0xff800001u, 0xffffffffu}) {
    CAPTURE(bits);
    const float nan = std::bit_cast<float>(bits);
    CHECK(std::isnan(widen(narrow<Float16>(nan))));
    CHECK(std::isnan(widen(narrow<BFloat16>(nan))));
  }
}

TEST_CASE("names and sizes of the types") {
  CHECK(to_text(DType::kFloat32) == "float32");
  CHECK(to_text(DType::kFloat16) == "float16");
  CHECK(to_text(DType::kBFloat16) == "bfloat16");
  CHECK(to_text(DType::kFloat64) == "float64");
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    CHECK(with_dtype(dtype, []<class T>(Type<T>) { return sizeof(T); }) == size_of(dtype));
  }
  static_assert(narrow<float>(1.5f) == 1.5f && narrow<double>(1.5) == 1.5);
  static_assert(widen(narrow<Float16>(1.0f / 3)) != 0.0f);
}

}  // namespace
}  // namespace byzccl
