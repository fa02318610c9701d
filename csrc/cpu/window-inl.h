// SPDX-License-Identifier: MIT
// The means of windows of sorted columns, a column a lane, for one instruction set.

#if defined(BYZCCL_WINDOW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_WINDOW_INL_H_
#undef BYZCCL_WINDOW_INL_H_
#else
#define BYZCCL_WINDOW_INL_H_
#endif

#include <algorithm>
#include <byzccl/rules/columns.hpp>

#include "csrc/cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

/// rules::mean_of in vectors.
template <class C, class At>
HWY_INLINE Vector<C> mean_of_places(const rules::Places& places, const At& at) {
  const Lanes<C> tag;
  auto sum = at(places.first);
  for (int i = 1; i < places.count; ++i) sum = hn::Add(sum, at(places.first + i));
  return hn::Div(sum, hn::Set(tag, static_cast<C>(places.count)));
}

/// What every column of a job has in common, found once.
struct WindowPlaces {
  explicit WindowPlaces(const Window& of)
      : window(of),
        centre(rules::centre_of(of)),
        last_good(rules::last_good_place(of)),
        is_mean(of.kind == WindowKind::kTrimmed || of.kind == WindowKind::kNearestTrimmed),
        used(rules::is_nearest(of.kind) ? rules::Places{0, of.rows} : centre) {}

  Window window;
  rules::Places centre;
  int last_good;
  bool is_mean;        ///< the centre is the mean of all its places, not of one or two middle ones
  rules::Places used;  ///< all that mean_of_window asks for
};

template <class C, class At>
HWY_INLINE Vector<C> centre_of_window(const WindowPlaces& places, const At& at) {
  if (places.is_mean) return mean_of_places<C>(places.centre, at);
  const int first = places.centre.first;
  if (places.centre.count == 1) return at(first);
  const auto half = hn::Set(Lanes<C>(), C(0.5));
  return hn::Add(hn::Mul(half, at(first)), hn::Mul(half, at(first + 1)));
}

/// rules::window_mean over sorted columns: at(i) is their value i, 0 <= i < window.rows.
template <bool kNearest, class C, class At>
HWY_INLINE Vector<C> mean_of_window(const WindowPlaces& places, const At& at) {
  const auto centre = centre_of_window<C>(places, at);
  if constexpr (!kNearest) return centre;
  const Lanes<C> tag;
  const Window& window = places.window;
  // Of the two ends the farther one leaves `dropped` times (rules::lower_end_leaves). Outwards from
  // the centre both sides are sorted by distance, so this takes the `dropped` farthest of two
  // sorted lists: value i of the lower side is among them exactly if it beats the value of the
  // upper side that would otherwise have been the last to leave. Then upper value i of the
  // `dropped` stays.
  const int dropped = rules::dropped(window);
  const int upper = window.rows - dropped;
  const C room = rules::tie_room<C>(window.kind);
  const auto stretch = hn::Set(tag, 1 + room);
  const auto further = hn::Mul(hn::Set(tag, room), hn::Abs(centre));
  hn::Mask<Lanes<C>> lower_leaves[kMaxVectors];
  for (int i = 0; i < dropped; ++i) {
    auto above = hn::Sub(at(upper + i), centre);
    if (room > 0) above = hn::Add(hn::Mul(above, stretch), further);
    lower_leaves[i] = hn::Gt(hn::Sub(centre, at(i)), above);
  }
  const int low = std::min(dropped, upper);
  const int high = std::max(dropped, upper);
  auto sum = hn::Zero(tag);
  for (int i = 0; i < low; ++i) sum = hn::Add(sum, hn::IfThenZeroElse(lower_leaves[i], at(i)));
  for (int i = low; i < high; ++i) {
    auto value = at(i);
    if (dropped > upper) {
      value = hn::IfThenZeroElse(lower_leaves[i], value);
      value = hn::IfThenElseZero(lower_leaves[i - upper], value);
    }
    sum = hn::Add(sum, value);
  }
  for (int i = high; i < window.rows; ++i) {
    sum = hn::Add(sum, hn::IfThenElseZero(lower_leaves[i - upper], at(i)));
  }
  return hn::Div(sum, hn::Set(tag, static_cast<C>(window.keep)));
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
