// SPDX-License-Identifier: MIT
// The sums of squared differences of a strip of tiles, for one instruction set.
//
// Columns are taken in blocks whose n rows stay in cache. Within a block, rows meet in groups: the
// sums of a pair of groups stay in registers while their columns pass. 16-bit rows are widened as
// they are loaded if there are one or two groups, else once a block.

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
        as_sent_(groups_ * kGroup),
        widens_in_registers_(!std::is_same_v<T, C> && groups_ <= 2 && strip.mixes == nullptr &&
                             std::find(strip.x, strip.x + n_, nullptr) == strip.x + n_),
        widened_(hwy::AllocateAligned<C>(n_ * block_)),
        sums_(hwy::AllocateAligned<C>(groups_ * (groups_ + 1) / 2 * kGroup * kGroup * kLanes)) {
    if (!widened_ || !sums_) throw std::bad_alloc();
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
    std::size_t columns = 4096 / sizeof(C);  // of many rows, two groups fit the nearest cache
    while (2 * columns * n * sizeof(C) <= 32768 && 2 * columns <= kRun * kLanes) columns *= 2;
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
    const std::size_t whole = (columns + kLanes - 1) / kLanes * kLanes;
    if (widens_in_registers_ && whole == columns) {
      for (std::size_t i = 0; i < as_sent_.size(); ++i) {
        const void* row = strip_.x[std::min(i, n_ - 1)];
        as_sent_[i] = static_cast<const T*>(row) + strip_.first_column + column;
      }
      add_pairs(as_sent_.data(), column, whole, first);
      return;
    }
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
    add_pairs(rows_.data(), column, whole, first);
  }

  /// Elements of the rows are of type T or C, `columns` a multiple of the lanes.
  template <class E>
  void add_pairs(const E* const* rows, std::int64_t column, std::size_t columns, bool first) {
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
  std::vector<const T*> as_sent_;           ///< the same, where rows are widened in registers
  const bool widens_in_registers_;          ///< a row meets few groups, so that it is cheaper
  hwy::AlignedFreeUniquePtr<C[]> widened_;  ///< [n, block]
  hwy::AlignedFreeUniquePtr<C[]> sums_;     ///< [pairs of groups, kGroup, kGroup, lanes]
};

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
