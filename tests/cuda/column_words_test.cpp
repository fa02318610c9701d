// SPDX-License-Identifier: MIT
// The words that columns are sorted in: every element of 16 bits in both halves, and the order of
// all values with one another, of the two zeros as well.

#include "kernels/column_words.cuh"

#include <algorithm>
#include <bit>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <vector>

#include "support/catch.hpp"

namespace byzccl::kernels {
namespace {

/// Values of both signs in ascending order, -0 before +0.
template <class C>
std::vector<C> in_order(C largest, C smallest) {
  constexpr C kInfinity = std::numeric_limits<C>::infinity();
  return {-kInfinity, -largest, -1, -smallest, C(-0.0), 0, smallest, 1, largest, kInfinity};
}

/// Whether a check that has seen these words passes.
template <class W>
bool passes(std::initializer_list<W> words) {
  FiniteCheck<W> check;
  for (const W& word : words) check.add(word);
  return check.passes();
}

template <class C>
bool same(C a, C b) {
  return a == b && std::signbit(a) == std::signbit(b);
}

template <class C>
void check_wide(bool zeros_in_order) {
  const auto values = in_order(std::numeric_limits<C>::max(), std::numeric_limits<C>::denorm_min());
  for (std::size_t i = 0; i < values.size(); ++i) {
    WideWord<C> word{values[i]};
    const bool finite = std::isfinite(values[i]);
    CHECK(passes<WideWord<C>>({{1}, word, {-1}}) == finite);
    CHECK(word.replace_bad() == (finite ? 0 : 1));
    CHECK(same(word[0], finite ? values[i] : values.back()));
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
  WideWord<C> nan{std::numeric_limits<C>::quiet_NaN()};
  CHECK_FALSE(passes<WideWord<C>>({nan, {1}}));
  CHECK(nan.replace_bad() == 1);
  CHECK(nan[0] == WideWord<C>::infinity()[0]);
  CHECK(WideWord<C>::infinity(true)[0] == values.front());
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
    const std::uint32_t bad = std::isfinite(x) ? 0 : 1;
    const std::uint32_t want = bad == 0 ? bits : values[last];
    for (const std::uint32_t other : {values[1], values[last]}) {
      const std::uint32_t other_bad = other == values[last] ? 1 : 0;
      PairWord<T> low{bits | other << 16}, high{other | bits << 16};
      wrong += passes<PairWord<T>>({{0}, low, {0}}) != (bad + other_bad == 0);
      wrong += passes<PairWord<T>>({high}) != (bad + other_bad == 0);
      wrong += low.replace_bad() != (bad | other_bad << 16);
      wrong += high.replace_bad() != (other_bad | bad << 16);
      wrong += low.bits != (want | other << 16);
      wrong += high.bits != (other | want << 16);
    }
    const PairWord<T> word{bits | values[last] << 16};
    wrong += std::bit_cast<std::uint32_t>(word[0]) != std::bit_cast<std::uint32_t>(x);
    wrong += word[1] != std::numeric_limits<float>::infinity();
  }
  CHECK(wrong == 0);
  CHECK(PairWord<T>::infinity().bits == values[last] * 0x10001u);
  CHECK(PairWord<T>::infinity(true).bits == values[0] * 0x10001u);
}

TEST_CASE("two columns a word: every element in either half, and their order") {
  check_pairs<Float16>(65504, 0x1p-24f);
  check_pairs<BFloat16>(0x1.fep127f, 0x1p-133f);
}

}  // namespace
}  // namespace byzccl::kernels
