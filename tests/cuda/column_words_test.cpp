// SPDX-License-Identifier: MIT
// The words that columns are sorted in: every element of 16 bits in both halves, and the order of
// all values with one another, of the two zeros as well.

#include "kernels/column_words.cuh"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"

namespace byzccl::kernels {
namespace {

/// Finite ones of both signs in ascending order, -0 before +0, then +inf.
template <class C>
std::vector<C> in_order(C largest, C smallest) {
  return {-largest, -1,      -smallest,
          C(-0.0),  0,       smallest,
          1,        largest, std::numeric_limits<C>::infinity()};
}

template <class C>
bool same(C a, C b) {
  return a == b && std::signbit(a) == std::signbit(b);
}

template <class C>
void check_wide(bool zeros_in_order) {
  const auto values = in_order(std::numeric_limits<C>::max(), std::numeric_limits<C>::denorm_min());
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK(same(WideWord<C>::of(values[i], true)[0], values[i]));
    CHECK(same(WideWord<C>::of(values[i], false)[0], values.back()));
    for (std::size_t j = 0; j < values.size(); ++j) {
      CAPTURE(values[i], values[j]);
      WideWord<C> low{values[i]}, high{values[j]};
      compare_exchange(low, high);
      const C less = values[std::min(i, j)], more = values[std::max(i, j)];
      // Nothing is lost: of two zeros in the other order as well.
      const bool swapped = same(low[0], more) && same(high[0], less);
      CHECK(((same(low[0], less) && same(high[0], more)) ||
             (!zeros_in_order && less == more && swapped)));
    }
  }
  for (const C bad : {std::numeric_limits<C>::quiet_NaN(), -values.back()}) {
    CHECK(WideWord<C>::of(bad, true)[0] == values.back());
  }
}

TEST_CASE("a comparison of two values keeps both, in order") {
  check_wide<float>(true);
  check_wide<double>(false);
}

template <class T>
std::uint32_t bits_of(float x) {
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    if (same(to_compute(T{static_cast<std::uint16_t>(bits)}), x)) return bits;
  }
  FAIL("not an element: " << x);
  return 0;
}

template <class T>
void check_pairs(float largest, float smallest) {
  std::vector<std::uint32_t> values;
  for (const float x : in_order(largest, smallest)) values.push_back(bits_of<T>(x));
  const std::size_t last = values.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    for (std::size_t j = 0; j <= last; ++j) {
      CAPTURE(i, j);
      const std::uint32_t less = values[std::min(i, j)], more = values[std::max(i, j)];
      const std::uint32_t other_less = values[last - std::max(i, j)];
      const std::uint32_t other_more = values[last - std::min(i, j)];
      // Another pair of values in the upper halves, in an order of its own.
      PairWord<T> low{values[i] | values[last - i] << 16};
      PairWord<T> high{values[j] | values[last - j] << 16};
      compare_exchange(low, high);
      CHECK(low.bits == (less | other_less << 16));
      CHECK(high.bits == (more | other_more << 16));
    }
  }
  int wrong = 0;
  for (std::uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float x = to_compute(T{static_cast<std::uint16_t>(bits)});
    const std::uint32_t want = std::isfinite(x) ? bits : values[last];
    for (const std::uint32_t other : {values[0], values[last]}) {
      wrong += PairWord<T>::of(bits | other << 16, true).bits != (want | other << 16);
      wrong += PairWord<T>::of(other | bits << 16, true).bits != (other | want << 16);
      wrong += PairWord<T>::of(bits | other << 16, false).bits != values[last] * 0x10001u;
    }
    const PairWord<T> word{bits | values[last] << 16};
    wrong += std::bit_cast<std::uint32_t>(word[0]) != std::bit_cast<std::uint32_t>(x);
    wrong += word[1] != std::numeric_limits<float>::infinity();
  }
  CHECK(wrong == 0);
}

TEST_CASE("two columns a word: every element in either half, and their order") {
  check_pairs<Float16>(65504, 0x1p-24f);
  check_pairs<BFloat16>(0x1.fep127f, 0x1p-133f);
}

}  // namespace
}  // namespace byzccl::kernels
