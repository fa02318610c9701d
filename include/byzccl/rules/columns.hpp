// SPDX-License-Identifier: MIT
// What a window of a sorted column is (RULES sections 2 and 4), written once. Column kernels find
// their places here; window_mean is the whole of it for one column.

#pragma once

#include <byzccl/rule.hpp>
#include <byzccl/rules/team.hpp>
#include <limits>
#include <type_traits>

namespace byzccl::rules {

/// Consecutive values of a sorted column.
struct Places {
  int first = 0;
  int count = 0;
};

/// The one or two middle values of `rows`.
BYZCCL_HD constexpr Places middle(int rows) { return {(rows - 1) / 2, rows % 2 == 0 ? 2 : 1}; }

/// The values that a trimmed window keeps.
BYZCCL_HD constexpr Places trimmed(const Window& window) {
  return {window.f, window.rows - 2 * window.f};
}

/// A column is NaN if the value at this place of it, sorted with +inf for what is not finite, is
/// not finite: then more than f values are bad.
BYZCCL_HD constexpr int last_good_place(const Window& window) { return window.rows - 1 - window.f; }

/// Whether values leave the column until `keep` are left.
BYZCCL_HD constexpr bool is_nearest(WindowKind kind) {
  return kind != WindowKind::kMedian && kind != WindowKind::kTrimmed;
}

/// The values whose mean is the centre: of two middle ones 0.5 a + 0.5 b.
BYZCCL_HD constexpr Places centre_of(const Window& window) {
  switch (window.kind) {
    case WindowKind::kMedian:
    case WindowKind::kNearestMedian:
      return middle(window.rows);
    case WindowKind::kNearestUpperMedian:
      return {window.rows / 2, 1};
    case WindowKind::kTrimmed:
    case WindowKind::kNearestTrimmed:
      break;
  }
  return trimmed(window);
}

/// Values that leave a nearest window, one end at a time. keep <= rows - f, so that +inf, which is
/// never nearer than a finite end, has left before the window is full.
BYZCCL_HD constexpr int dropped(const Window& window) { return window.rows - window.keep; }

/// How much farther away, relative to |centre| and its distance, the upper end of a nearest window
/// counts as. 0 where the values are rows as they are, whose equal distances are equal. Means are
/// rounded, to half an epsilon each, and so are their differences: of centre, ends and distances
/// together that is at most 2 epsilon of |centre| + distance, and twice as much makes ties sure.
/// It is relative to what an attacker cannot inflate: a far end has no part in the tie of others.
template <class C>
BYZCCL_HD constexpr C tie_room(WindowKind kind) {
  return kind == WindowKind::kNearestUpperMedian ? 4 * std::numeric_limits<C>::epsilon() : C(0);
}

/// Which end of a nearest window leaves: the farther one, of equals the upper. Each operation is
/// rounded to the type of the values; low <= centre <= high but for rounding, low finite, high may
/// be +inf. room: tie_room of the window.
template <class C>
BYZCCL_HD constexpr bool lower_end_leaves(C low, C high, C centre, C room) {
  C above = high - centre;
  // Where there is no room, also a centre that overflowed keeps to its differences.
  if (room > 0) above = above * (1 + room) + room * (centre < 0 ? -centre : centre);
  return centre - low > above;
}

/// The mean of some places: sum in ascending order, one division. `sorted` is
/// whatever gives value i as sorted[i].
template <class Sorted>
BYZCCL_HD auto mean_of(const Places& places, const Sorted& sorted) {
  using C = std::remove_cvref_t<decltype(sorted[0])>;
  C sum = sorted[places.first];
  for (int i = 1; i < places.count; ++i) sum += sorted[places.first + i];
  return sum / static_cast<C>(places.count);
}

/// The value of `window` over a sorted column whose last good place is finite: sums in ascending
/// order, one division; of two middle values 0.5 a + 0.5 b.
template <class Sorted>
BYZCCL_HD auto window_mean(const Window& window, const Sorted& sorted) {
  using C = std::remove_cvref_t<decltype(sorted[0])>;
  const Places at = centre_of(window);
  const bool trims = window.kind == WindowKind::kTrimmed;
  const C centre = trims || window.kind == WindowKind::kNearestTrimmed ? mean_of(at, sorted)
                   : at.count == 1                                     ? sorted[at.first]
                                   : C(0.5) * sorted[at.first] + C(0.5) * sorted[at.first + 1];
  if (!is_nearest(window.kind)) return centre;
  const C room = tie_room<C>(window.kind);
  Places kept = {0, window.rows};
  for (int drop = dropped(window); drop > 0; --drop, --kept.count) {
    if (lower_end_leaves(sorted[kept.first], sorted[kept.first + kept.count - 1], centre, room)) {
      ++kept.first;
    }
  }
  return mean_of(kept, sorted);
}

}  // namespace byzccl::rules
