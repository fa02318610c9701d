// SPDX-License-Identifier: MIT
// The sums of squared differences of a strip of tiles, for one instruction set.
//
// Columns are taken in blocks. Within a block, rows meet in groups: the sums of a pair of groups
// stay in registers while their columns pass. 16-bit rows are widened once a block.

#if defined(BYZCCL_TILE_SUMS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_TILE_SUMS_INL_H_
#undef BYZCCL_TILE_SUMS_INL_H_
#else
#define BYZCCL_TILE_SUMS_INL_H_
#endif

#include <hwy/aligned_allocator.h>

#include <algorithm>
#include <byzccl/rules/grid.hpp>
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

// What a block of the rows that meet may have of the nearest cache.
inline constexpr std::size_t kNearBytes = 32768;

// Groups of a band: 15 or 16 rows.
inline constexpr std::size_t kBand = 16 / kGroup;

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
        block_(block_columns(n_)),
        rows_(groups_ * kGroup),
        widened_(hwy::AllocateAligned<C>(n_ * block_)),
        sums_(hwy::AllocateAligned<C>(groups_ * (groups_ + 1) / 2 * kGroup * kGroup * kLanes)) {
    if (!widened_ || !sums_) throw std::bad_alloc();
    // The groups' pairs with themselves have cells that nobody sums.
    for (std::size_t i = 0; i < groups_; ++i) {
      std::fill_n(sums_of(i, i), kGroup * kGroup * kLanes, C(0));
    }
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
  static std::size_t block_columns(std::size_t n) {
    const std::size_t rows = std::min(n, 2 * kBand * kGroup);
    std::size_t columns = 128;
    while (2 * columns * rows * sizeof(C) <= kNearBytes && 2 * columns <= kRun * kLanes) {
      columns *= 2;
    }
    return columns;
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
    for (std::size_t i = 0; i < groups_; ++i) {
      for (std::size_t j = i; j < groups_; ++j) add_totals(i, j, out);
    }
    return column;
  }

  /// out += the sums of the pair of groups i <= j.
  void add_totals(std::size_t i, std::size_t j, double* out) {
    alignas(64) C totals[kPaddedCells<C>];
    add_lanes<C>(sums_of(i, j), totals);
    const std::size_t first = j * kGroup;
    const std::size_t count = std::min(kGroup, n_ - first);
    for (std::size_t a = 0; a < std::min(kGroup, n_ - i * kGroup); ++a) {
      const int row = static_cast<int>(i * kGroup + a);
      for (std::size_t b = i == j ? a + 1 : 0; b < count; ++b) {
        const int other = static_cast<int>(first + b);
        out[rules::pair_index(row, other, strip_.n)] += totals[a * kGroup + b];
      }
    }
  }

  void add_block(std::int64_t column, std::size_t columns, bool first) {
    const std::size_t whole = (columns + kLanes - 1) / kLanes * kLanes;
    for (std::size_t i = 0; i < n_; ++i) {
      if (strip_.mixes != nullptr && !strip_.mixes[i].copies()) {
        C* to = widened_.get() + i * block_;
        form_mix<T>(strip_.mixes[i], strip_.first_column + column, columns, to);
        rows_[i] = to;
        continue;
      }
      if (strip_.x[i] == nullptr) {
        std::fill_n(widened_.get() + i * block_, whole, C(0));
        rows_[i] = widened_.get() + i * block_;
        continue;
      }
      const T* row = static_cast<const T*>(strip_.x[i]) + strip_.first_column + column;
      if constexpr (std::is_same_v<T, C>) {
        if (whole == columns) {
          rows_[i] = row;
          continue;
        }
      }
      rows_[i] = widen_row(row, columns, widened_.get() + i * block_);
    }
    for (std::size_t i = n_; i < rows_.size(); ++i) rows_[i] = rows_[n_ - 1];
    // Many rows meet in two bands at a time, which the nearest cache holds.
    std::size_t call = 0;
    for (std::size_t left = 0; left < groups_; left += kBand) {
      for (std::size_t right = left; right < groups_; right += kBand) {
        for (std::size_t i = left; i < std::min(left + kBand, groups_); ++i) {
          for (std::size_t j = std::max(i, right); j < std::min(right + kBand, groups_); ++j) {
            const Ahead next = ahead(column + columns, call++);
            const C* const* a = rows_.data() + i * kGroup;
            if (i == j) {
              add_group_pair<C, true>(a, a, whole, first, next, sums_of(i, i));
            } else {
              add_group_pair<C, false>(a, rows_.data() + j * kGroup, whole, first, next,
                                       sums_of(i, j));
            }
          }
        }
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

  static const C* widen_row(const T* row, std::size_t columns, C* to) {
    std::size_t column = 0;
    for (; column + kLanes <= columns; column += kLanes) store(load(row + column), to + column);
    if (column < columns) store(load_first(row + column, columns - column), to + column);
    return to;
  }

  /// [kGroup, kGroup, lanes] of the pair of groups i <= j.
  C* sums_of(std::size_t i, std::size_t j) {
    const std::size_t before = i * (2 * groups_ - i + 1) / 2;
    return sums_.get() + (before + j - i) * kGroup * kGroup * kLanes;
  }

  const Strip& strip_;
  const std::size_t n_;
  const std::size_t groups_;
  const std::size_t block_;                 ///< columns
  std::vector<const C*> rows_;              ///< of the current block; the last group is filled up
  hwy::AlignedFreeUniquePtr<C[]> widened_;  ///< [n, block]
  hwy::AlignedFreeUniquePtr<C[]> sums_;     ///< [pairs of groups, kGroup, kGroup, lanes]
};

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
