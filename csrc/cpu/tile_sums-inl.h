// SPDX-License-Identifier: MIT
// The sums of squared differences of a strip of tiles, for one instruction set.
//
// Columns are taken in blocks whose n rows stay in cache. Within a block, rows meet in groups: the
// sums of a pair of groups stay in registers while their columns pass. 16-bit rows are widened as
// they are loaded; float16 rows that meet more than two groups once a block.

#if defined(BYZCCL_TILE_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_TILE_SUMS_INL_H_
#undef BYZCCL_TILE_SUMS_INL_H_
#else
#define BYZCCL_TILE_SUMS_INL_H_
#endif

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <byzccl/rules/grid.hpp>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

#include "csrc/cpu/elements-inl.h"
#include "csrc/cpu/group_pair-inl.h"
#include "csrc/cpu/mix-inl.h"
#include "csrc/cpu/strip.hpp"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

// Most terms that one lane adds up in float32.
inline constexpr std::size_t kRun = 256;

/// The work space of one strip, for elements of type T.
template <class T>
class StripSums {
  using C = Compute<T>;
  static constexpr std::size_t kLanes = lane_count<C>();

 public:
  explicit StripSums(const Strip& strip)
      : strip_(strip),
        n_(static_cast<std::size_t>(strip.n)),
        groups_((n_ + kGroup - 1) / kGroup),
        as_sent_(strip.mixes == nullptr && !(std::is_same_v<T, Float16> && groups_ > 2)),
        block_(block_columns(n_, as_sent_ ? sizeof(T) : sizeof(C))),
        rows_(groups_ * kGroup),
        wide_rows_(groups_ * kGroup),
        filled_(hwy::AllocateAligned<T>(as_sent_ ? n_ * block_ : 1)),
        wide_(hwy::AllocateAligned<C>(as_sent_ ? 1 : n_ * block_)),
        sums_(hwy::AllocateAligned<C>(groups_ * (groups_ + 1) / 2 * kGroup * kGroup * kLanes)) {
    if (!filled_ || !wide_ || !sums_) throw std::bad_alloc();
  }

  /// out [tiles, pairs]
  void run(double* out) {
    const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(strip_.n));
    for (std::int64_t first = 0; first < strip_.columns; first += strip_.tile, out += pairs) {
      std::fill_n(out, pairs, 0.0);
      const std::int64_t end = std::min(first + strip_.tile, strip_.columns);
      for (std::int64_t column = first; column < end;) column = add_run(column, end, out);
    }
  }

 private:
  static std::size_t block_columns(std::size_t n, std::size_t bytes) {
    std::size_t columns = 4096 / bytes;  // of many rows, two groups fit the nearest cache
    while (2 * columns * n * bytes <= 32768 && 2 * columns <= kRun * kLanes) columns *= 2;
    return std::min(columns, kRun * kLanes);
  }

  std::int64_t add_run(std::int64_t column, std::int64_t end, double* out) {
    const std::int64_t run_end =
        std::min(end, column + static_cast<std::int64_t>(kRun * kLanes / block_ * block_));
    bool first = true;
    while (column < run_end) {
      const std::int64_t count = std::min(run_end - column, static_cast<std::int64_t>(block_));
      add_block(column, static_cast<std::size_t>(count), first);
      column += count;
      first = false;
    }
    std::size_t pair = 0;
    for (std::size_t i = 0; i < n_; ++i) {
      for (std::size_t j = i + 1; j < n_; ++j, ++pair) {
        const std::size_t cell = (i % kGroup) * kGroup + j % kGroup;
        out[pair] += sum_of_lanes(sums_of(i / kGroup, j / kGroup) + cell * kLanes);
      }
    }
    return column;
  }

  void add_block(std::int64_t column, std::size_t columns, bool first) {
    if (as_sent_) {
      for (std::size_t i = 0; i < n_; ++i) rows_[i] = row(i, column, columns);
      add_pairs(rows_, column, whole_steps<T>(columns), first);
    } else {
      for (std::size_t i = 0; i < n_; ++i) wide_rows_[i] = wide_row(i, column, columns);
      add_pairs(wide_rows_, column, whole_steps<C>(columns), first);
    }
  }

  template <class E>
  static std::size_t whole_steps(std::size_t columns) {
    constexpr std::size_t kStep = kParts<E> * kLanes;
    return (columns + kStep - 1) / kStep * kStep;
  }

  /// Row i of a block, filled up with zeros to whole steps.
  const T* row(std::size_t i, std::int64_t column, std::size_t columns) {
    const std::size_t whole = whole_steps<T>(columns);
    T* to = filled_.get() + i * block_;
    if (strip_.x[i] == nullptr) {
      std::fill_n(to, whole, T{});
      return to;
    }
    const T* from = static_cast<const T*>(strip_.x[i]) + strip_.first_column + column;
    if (whole == columns) return from;
    std::memcpy(static_cast<void*>(to), static_cast<const void*>(from), columns * sizeof(T));
    std::fill(to + columns, to + whole, T{});
    return to;
  }

  /// The same of a row that is formed or widened.
  const C* wide_row(std::size_t i, std::int64_t column, std::size_t columns) {
    C* to = wide_.get() + i * block_;
    if (strip_.mixes != nullptr && !strip_.mixes[i].copies()) {
      form_mix<T>(strip_.mixes[i], strip_.first_column + column, columns, to);
    } else if (strip_.x[i] == nullptr) {
      std::fill_n(to, whole_steps<C>(columns), C(0));
    } else {
      const T* from = static_cast<const T*>(strip_.x[i]) + strip_.first_column + column;
      if constexpr (std::is_same_v<T, C>) {
        if (whole_steps<C>(columns) == columns) return from;
      }
      std::size_t at = 0;
      for (; at + kLanes <= columns; at += kLanes) store(load(from + at), to + at);
      if (at < columns) store(load_first(from + at, columns - at), to + at);
    }
    return to;
  }

  /// Elements of the rows are of type T or C, `columns` whole steps of theirs.
  template <class E>
  void add_pairs(std::vector<const E*>& padded, std::int64_t column, std::size_t columns,
                 bool first) {
    for (std::size_t i = n_; i < padded.size(); ++i) padded[i] = padded[n_ - 1];
    const E* const* rows = padded.data();
    const std::int64_t next = column + static_cast<std::int64_t>(columns);
    std::size_t call = 0;
    for (std::size_t i = 0; i < groups_; ++i) {
      const E* const* a = rows + i * kGroup;
      add_group_pair<E, true>(a, a, columns, first, ahead(next, call++), sums_of(i, i));
      for (std::size_t j = i + 1; j < groups_; ++j) {
        add_group_pair<E, false>(a, rows + j * kGroup, columns, first, ahead(next, call++),
                                 sums_of(i, j));
      }
    }
  }

  /// What call number `call` of a block fetches: the calls share the rows evenly.
  Ahead ahead(std::int64_t column, std::size_t call) const {
    Ahead next;
    next.column_bytes = sizeof(T);
    if (column + static_cast<std::int64_t>(block_) > strip_.columns) return next;
    const std::size_t calls = groups_ * (groups_ + 1) / 2;
    for (std::size_t i = call * n_ / calls; i < (call + 1) * n_ / calls; ++i) {
      if (strip_.x[i] == nullptr) continue;
      next.rows[next.count++] =
          static_cast<const char*>(strip_.x[i]) + (strip_.first_column + column) * sizeof(T);
    }
    return next;
  }

  /// [kGroup, kGroup, lanes] of the pair of groups i <= j.
  C* sums_of(std::size_t i, std::size_t j) {
    const std::size_t before = i * (2 * groups_ - i + 1) / 2;
    return sums_.get() + (before + j - i) * kGroup * kGroup * kLanes;
  }

  const Strip& strip_;
  const std::size_t n_;
  const std::size_t groups_;
  const bool as_sent_;               ///< rows meet as they are, neither formed nor widened before
  const std::size_t block_;          ///< columns
  std::vector<const T*> rows_;       ///< of the current block; the last group is filled up
  std::vector<const C*> wide_rows_;  ///< the same, where they are not as sent
  hwy::AlignedFreeUniquePtr<T[]> filled_;  ///< [n, block] if as sent
  hwy::AlignedFreeUniquePtr<C[]> wide_;    ///< [n, block] if not
  hwy::AlignedFreeUniquePtr<C[]> sums_;    ///< [pairs of groups, kGroup, kGroup, lanes]
};

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
