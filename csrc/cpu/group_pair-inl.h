// SPDX-License-Identifier: MIT
// The squared differences between two groups of rows, summed in registers, for one instruction set.

#if defined(BYZCCL_GROUP_PAIR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_GROUP_PAIR_INL_H_
#undef BYZCCL_GROUP_PAIR_INL_H_
#else
#define BYZCCL_GROUP_PAIR_INL_H_
#endif

#include <cstddef>
#include <cstdint>

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
  std::size_t column_bytes = 0;
};

/// Vectors that a row of T gives at a step.
template <class T>
inline constexpr std::size_t kParts = sizeof(T) == 2 ? 2 : 1;

/// One of the kParts<T> vectors at `elements`. Which elements it has, and in which order, is up to
/// the type: sums only need all rows alike.
template <std::size_t part, class T>
HWY_INLINE Vector<Compute<T>> load_part(const T* elements) {
  return load(elements + part * lane_count<Compute<T>>());
}

#if HWY_TARGET != HWY_SCALAR
/// Every other element: one operation widens a vector of them, without a shuffle.
template <std::size_t part>
HWY_INLINE Vector<float> load_part(const BFloat16* elements) {
  const Word u;
  const auto pairs =
      hn::LoadU(u, static_cast<const std::uint32_t*>(static_cast<const void*>(elements)));
  const auto wide = part == 0 ? hn::ShiftLeft<16>(pairs) : hn::And(pairs, hn::Set(u, 0xffff0000u));
  return hn::BitCast(Lanes<float>(), wide);
}
#endif

/// Part `part` of the squared differences of the rows x with the rows y at `column`.
template <std::size_t part, bool kSame, class T>
HWY_INLINE void add_part(const T* const (&x)[kGroup], const T* const (&y)[kGroup],
                         std::size_t column, Vector<Compute<T>> (&sum)[kGroup][kGroup]) {
  using V = Vector<Compute<T>>;
  V right[kGroup];
  for (std::size_t j = 0; j < kGroup; ++j) right[j] = load_part<part>(y[j] + column);
  for (std::size_t i = 0; i < kGroup; ++i) {
    const V left = kSame ? right[i] : load_part<part>(x[i] + column);
    for (std::size_t j = kSame ? i + 1 : 0; j < kGroup; ++j) {
      const V difference = hn::Sub(left, right[j]);
      sum[i][j] = hn::MulAdd(difference, difference, sum[i][j]);
    }
  }
}

/// sums [kGroup, kGroup, lanes] (+)= the squared differences of every row a with every row b, over
/// `columns`, a multiple of kParts<T> * lanes. kSame: a and b are the same group, and only i < j is
/// summed.
template <class T, bool kSame>
HWY_NOINLINE void add_group_pair(const T* const* a, const T* const* b, std::size_t columns,
                                 bool first, const Ahead& ahead, Compute<T>* HWY_RESTRICT sums) {
  using C = Compute<T>;
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  Vector<C> sum[kGroup][kGroup];
  for (std::size_t i = 0; i < kGroup; ++i) {
    for (std::size_t j = kSame ? i + 1 : 0; j < kGroup; ++j) {
      sum[i][j] = first ? hn::Zero(tag) : hn::Load(tag, sums + (i * kGroup + j) * kLanes);
    }
  }
  const T* x[kGroup];
  const T* y[kGroup];
  for (std::size_t i = 0; i < kGroup; ++i) x[i] = a[i], y[i] = b[i];
  for (std::size_t column = 0; column < columns; column += kParts<T> * kLanes) {
    for (std::size_t k = 0; k < ahead.count; ++k) {
      __builtin_prefetch(ahead.rows[k] + column * ahead.column_bytes, 0, 3);
    }
    add_part<0, kSame>(x, y, column, sum);
    if constexpr (kParts<T> == 2) add_part<1, kSame>(x, y, column, sum);
  }
  for (std::size_t i = 0; i < kGroup; ++i) {
    for (std::size_t j = kSame ? i + 1 : 0; j < kGroup; ++j) {
      hn::Store(sum[i][j], tag, sums + (i * kGroup + j) * kLanes);
    }
  }
}

/// In index order, so that the squares of a few columns are added in the order of the columns.
template <class C>
HWY_INLINE double sum_of_lanes(const C* sums) {
  double sum = sums[0];
  for (std::size_t lane = 1; lane < lane_count<C>(); ++lane) sum += static_cast<double>(sums[lane]);
  return sum;
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
