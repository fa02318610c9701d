// SPDX-License-Identifier: MIT
// Windows of rows that lie ready, for one instruction set: a vector of columns is loaded, sorted in
// registers, placed and stored before the next one.

#if defined(BYZCCL_WINDOW_COLUMNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_WINDOW_COLUMNS_INL_H_
#undef BYZCCL_WINDOW_COLUMNS_INL_H_
#else
#define BYZCCL_WINDOW_COLUMNS_INL_H_
#endif

#include <cstring>
#include <limits>

#include "csrc/cpu/column_job.hpp"
#include "csrc/cpu/column_keys-inl.h"
#include "csrc/cpu/sort-inl.h"
#include "csrc/cpu/window-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

// Bytes of a row between what is read and what is asked for: what is sorted meanwhile takes longer
// than memory.
inline constexpr std::size_t kFetchAhead = 1024;

/// Columns in whole vectors of keys, of rows that lie ready: row i starts at x[i]. n: keys that are
/// sorted in registers; 0: job.size, above kMostInlined. Returns the NaN columns.
template <int n, bool kNearest, class In, class Out>
HWY_NOINLINE std::int64_t window_vectors(const ColumnJob& job, const In* const* x,
                                         std::int64_t columns, Out* out) {
  using Keys = ColumnKeys<In>;
  using Key = typename Keys::Key;
  using C = Compute<Out>;
  const Lanes<C> tag;
  const Lanes<Key> keys;
  constexpr std::size_t kKeys = lane_count<Key>();
  constexpr std::size_t kLanes = lane_count<C>();
  constexpr std::size_t kParts = kKeys / kLanes;
  const auto infinity = hn::Set(tag, std::numeric_limits<C>::infinity());
  const auto nan = hn::Set(tag, std::numeric_limits<C>::quiet_NaN());
  const int rows = job.window.rows;
  const WindowPlaces places(job.window);
  alignas(64) Key sorted[(n > 0 ? n : kMaxVectors) * kKeys];
  std::int64_t nan_columns = 0;
  for (std::int64_t column = 0; column < columns; column += kKeys) {
    const auto key = [&](int i) HWY_ATTR {
      if (i >= rows) return Keys::infinity();
      const In* from = x[i] + column;
      fetch_ahead(from, kFetchAhead / sizeof(In));
      return Keys::load(from);
    };
    if constexpr (n > 0) {
      sort_fixed<Key, n>(key, sorted);
    } else {
      for (int i = 0; i < job.size; ++i) hn::Store(key(i), keys, sorted + i * kKeys);
      sort_keys<Key>(job.size, job.network, sorted);
    }
    const auto last = hn::Load(keys, sorted + places.last_good * kKeys);
    for (int i = 0; i < places.used.count; ++i) {
      Keys::restore(sorted + (places.used.first + i) * kKeys);
    }
    Vector<C> result[kParts];
    for (std::size_t part = 0; part < kParts; ++part) {
      result[part] = mean_of_window<kNearest, C>(places, [&](int i) HWY_ATTR {
        return Keys::elements(sorted + i * kKeys + part * kLanes);
      });
    }
    const auto bad = hn::Eq(last, Keys::infinity());
    if (HWY_UNLIKELY(!hn::AllFalse(keys, bad))) {
      nan_columns += static_cast<std::int64_t>(hn::CountTrue(keys, bad));
      hn::Store(last, keys, sorted);
      Keys::restore(sorted);
      for (std::size_t part = 0; part < kParts; ++part) {
        const auto infinite = hn::Eq(Keys::elements(sorted + part * kLanes), infinity);
        result[part] = hn::IfThenElse(infinite, nan, result[part]);
      }
    }
    if constexpr (kParts == 2) {
      store_two(result[0], result[1], out + column);
    } else {
      store(result[0], out + column);
    }
  }
  return nan_columns;
}

/// The same for any size.
template <bool kNearest, class In, class Out>
std::int64_t whole_vectors(const ColumnJob& job, const In* const* x, std::int64_t columns,
                           Out* out) {
  if (job.size == 4) return window_vectors<4, kNearest>(job, x, columns, out);
  if constexpr (kMostInlined >= 16) {
    if (job.size == 8) return window_vectors<8, kNearest>(job, x, columns, out);
    if (job.size == 16) return window_vectors<16, kNearest>(job, x, columns, out);
  }
  return window_vectors<0, kNearest>(job, x, columns, out);
}

/// The same for any window and any number of columns.
template <class In, class Out>
std::int64_t window_columns(const ColumnJob& job, const In* const* x, std::int64_t columns,
                            Out* out) {
  constexpr std::int64_t kKeys = lane_count<typename ColumnKeys<In>::Key>();
  const auto run = rules::is_nearest(job.window.kind) ? whole_vectors<true, In, Out>
                                                      : whole_vectors<false, In, Out>;
  const std::int64_t rest = columns % kKeys;
  std::int64_t nan_columns = run(job, x, columns - rest, out);
  if (rest > 0) {
    // The last columns are filled up with zeros, which no window calls NaN.
    In padded[kMaxVectors][kKeys];
    const In* rows[kMaxVectors];
    for (int i = 0; i < job.window.rows; ++i) {
      std::memset(static_cast<void*>(padded[i]), 0, sizeof(padded[i]));
      std::memcpy(static_cast<void*>(padded[i]), static_cast<const void*>(x[i] + columns - rest),
                  static_cast<std::size_t>(rest) * sizeof(In));
      rows[i] = padded[i];
    }
    Out last[kKeys];
    nan_columns += run(job, rows, kKeys, last);
    std::memcpy(static_cast<void*>(out + columns - rest), static_cast<const void*>(last),
                static_cast<std::size_t>(rest) * sizeof(Out));
  }
  return nan_columns;
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
