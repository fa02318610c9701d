// SPDX-License-Identifier: MIT
// The squared differences between two groups of rows, summed in registers, for one instruction set.

#if defined(BYZCCL_GROUP_PAIR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_GROUP_PAIR_INL_H_
#undef BYZCCL_GROUP_PAIR_INL_H_
#else
#define BYZCCL_GROUP_PAIR_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "csrc/cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

// Rows of a group: kGroup^2 sums and 2 kGroup rows fit the registers.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_SSE4 || HWY_TARGET == HWY_EMU128 || \
    HWY_TARGET == HWY_SCALAR
inline constexpr std::size_t kGroup = 3;
#else
inline constexpr std::size_t kGroup = 4;
#endif

// Rows that are about to be needed. They are fetched while a pair of groups is summed, so that
// reading memory and computing overlap.
struct Ahead {
  const char* rows[kGroup] = {};  ///< from the first column of the next block
  std::size_t count = 0;
  std::ptrdiff_t column_bytes = 0;
};

/// Calls step(i) for i in [0, n), each a constant of its own: arrays that it indexes so stay in
/// registers.
template <std::size_t n, class Step>
HWY_INLINE void unrolled(const Step& step) {
  [&]<std::size_t... i>(std::index_sequence<i...>) HWY_ATTR {
    (step(std::integral_constant<std::size_t, i>()), ...);
  }(std::make_index_sequence<n>());
}

/// Whether a pair of groups has that cell of kGroup^2, row by row.
template <bool kSame>
constexpr bool has_cell(std::size_t cell) {
  return !kSame || cell / kGroup < cell % kGroup;
}

/// sums [kGroup^2, lanes] (+)= the squared differences of every row a with every row b, over
/// `columns`, a multiple of the lanes. kSame: a and b are the same group, and only i < j is summed.
template <class C, bool kSame>
HWY_NOINLINE void add_group_pair(const C* const* a, const C* const* b, std::size_t columns,
                                 bool first, const Ahead& ahead, C* HWY_RESTRICT sums) {
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  constexpr std::size_t kCells = kGroup * kGroup;
  alignas(64) static constexpr C kZeros[kCells * kLanes] = {};
  const C* from = first ? kZeros : sums;
  Vector<C> sum[kCells];
  unrolled<kCells>([&](auto cell) HWY_ATTR {
    if constexpr (has_cell<kSame>(cell)) sum[cell] = hn::Load(tag, from + cell * kLanes);
  });
  // Columns are counted up to 0 from the ends of the rows, which saves a register for the bound.
  const std::ptrdiff_t count = static_cast<std::ptrdiff_t>(columns);
  const C* x[kGroup];
  const C* y[kGroup];
  const char* next[kGroup];  // what is in cache already, where there is nothing to fetch
  for (std::size_t i = 0; i < kGroup; ++i) {
    x[i] = a[i] + count;
    y[i] = b[i] + count;
    next[i] = i < ahead.count ? ahead.rows[i] + count * ahead.column_bytes
                              : reinterpret_cast<const char*>(x[i]);
  }
  for (std::ptrdiff_t column = -count; column != 0; column += kLanes) {
    const std::ptrdiff_t at = column * ahead.column_bytes;
    unrolled<kGroup>([&](auto i) HWY_ATTR { __builtin_prefetch(next[i] + at, 0, 3); });
    Vector<C> right[kGroup];
    unrolled<kGroup>([&](auto j) HWY_ATTR { right[j] = hn::LoadU(tag, y[j] + column); });
    unrolled<kGroup>([&](auto i) HWY_ATTR {
      const Vector<C> left = kSame ? right[i] : hn::LoadU(tag, x[i] + column);
      unrolled<kGroup>([&](auto j) HWY_ATTR {
        constexpr std::size_t cell = decltype(i)::value * kGroup + decltype(j)::value;
        if constexpr (has_cell<kSame>(cell)) {
          const Vector<C> difference = hn::Sub(left, right[j]);
          sum[cell] = hn::MulAdd(difference, difference, sum[cell]);
        }
      });
    });
  }
  unrolled<kCells>([&](auto cell) HWY_ATTR {
    if constexpr (has_cell<kSame>(cell)) hn::Store(sum[cell], tag, sums + cell * kLanes);
  });
}

/// Lane i is the sum of the lanes of v[i]: neighbours are added until one of each is left.
template <class C, std::size_t n>
HWY_INLINE Vector<C> sums_of_lanes(const Vector<C> (&v)[n]) {
#if HWY_TARGET == HWY_SCALAR
  return v[0];
#else
  if constexpr (n == 1) {
    return v[0];
  } else {
    const Lanes<C> tag;
    Vector<C> half[n / 2];
    unrolled<n / 2>([&](auto i) HWY_ATTR {
      const auto& low = v[2 * i];
      const auto& high = v[2 * i + 1];
      half[i] = hn::Add(hn::ConcatEven(tag, high, low), hn::ConcatOdd(tag, high, low));
    });
    return sums_of_lanes<C, n / 2>(half);
  }
#endif
}

// Cells of a pair of groups, filled up to whole vectors of them.
template <class C>
inline constexpr std::size_t kPaddedCells =
    (kGroup * kGroup + lane_count<C>() - 1) / lane_count<C>() * lane_count<C>();

/// totals [kPaddedCells]: the sums [kGroup^2, lanes] over the lanes; what is filled up says
/// nothing.
template <class C>
HWY_NOINLINE void add_lanes(const C* HWY_RESTRICT sums, C* HWY_RESTRICT totals) {
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  for (std::size_t first = 0; first < kPaddedCells<C>; first += kLanes) {
    Vector<C> v[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) {
      v[i] = hn::Load(tag, sums + std::min(first + i, kGroup * kGroup - 1) * kLanes);
    }
    hn::Store(sums_of_lanes<C, kLanes>(v), tag, totals + first);
  }
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
