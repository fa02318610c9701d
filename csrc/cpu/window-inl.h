// SPDX-License-Identifier: MIT
// Sorts columns in vectors, a column a lane, and averages their windows, for one instruction set.

#if defined(BYZCCL_WINDOW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_WINDOW_INL_H_
#undef BYZCCL_WINDOW_INL_H_
#else
#define BYZCCL_WINDOW_INL_H_
#endif

#include <byzccl/rules/columns.hpp>
#include <byzccl/rules/sorting_network.hpp>
#include <limits>
#include <span>
#include <utility>

#include "csrc/cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

template <class C>
HWY_INLINE void exchange(Vector<C>& low, Vector<C>& high) {
  const Vector<C> smaller = hn::Min(low, high);
  high = hn::Max(low, high);
  low = smaller;
}

template <class C, int n, std::size_t... Is>
HWY_INLINE void run_network(Vector<C> (&v)[n], std::index_sequence<Is...>) {
  (exchange<C>(v[rules::kNetwork<n>[Is].low], v[rules::kNetwork<n>[Is].high]), ...);
}

/// Sorts values [n, lanes] in registers.
template <class C, int n>
HWY_NOINLINE void sort_fixed(C* values) {
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  Vector<C> v[n];
  for (int i = 0; i < n; ++i) v[i] = hn::Load(tag, values + i * kLanes);
  run_network<C, n>(v, std::make_index_sequence<rules::kNetwork<n>.size()>());
  for (int i = 0; i < n; ++i) hn::Store(v[i], tag, values + i * kLanes);
}

/// Sorts values [.., lanes] by a list of comparators.
template <class C>
void sort_listed(std::span<const rules::Comparator> network, C* values) {
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  for (const rules::Comparator c : network) {
    auto low = hn::Load(tag, values + c.low * kLanes);
    auto high = hn::Load(tag, values + c.high * kLanes);
    exchange<C>(low, high);
    hn::Store(low, tag, values + c.low * kLanes);
    hn::Store(high, tag, values + c.high * kLanes);
  }
}

// Largest network that is compiled as straight code: where it would only spill registers, the list
// is as good and the compiler, under sanitizers above all, has much less to do.
template <class C>
constexpr int largest_fixed() {
#if HWY_MAX_BYTES >= 64
  return sizeof(C) == 4 ? 64 : 16;
#elif HWY_MAX_BYTES == 32
  return sizeof(C) == 4 ? 32 : 16;
#else
  return 16;
#endif
}

/// Sorts values [size, lanes]: a size of kNetworkSizes, or any above the last of them. `network`
/// serves sizes above 16.
template <class C>
HWY_INLINE void sort_values(int size, std::span<const rules::Comparator> network, C* values) {
  if (size == 4) return sort_fixed<C, 4>(values);
  if (size == 8) return sort_fixed<C, 8>(values);
  if (size == 16) return sort_fixed<C, 16>(values);
  if constexpr (largest_fixed<C>() >= 32) {
    if (size == 24) return sort_fixed<C, 24>(values);
    if (size == 32) return sort_fixed<C, 32>(values);
  }
  if constexpr (largest_fixed<C>() >= 64) {
    if (size == 48) return sort_fixed<C, 48>(values);
    if (size == 64) return sort_fixed<C, 64>(values);
  }
  sort_listed<C>(network, values);
}

template <class C>
HWY_INLINE Vector<C> finite_or_infinity(Vector<C> x) {
  const Lanes<C> tag;
  const auto finite = hn::Le(hn::Abs(x), hn::Set(tag, std::numeric_limits<C>::max()));
  return hn::IfThenElse(finite, x, hn::Set(tag, std::numeric_limits<C>::infinity()));
}

/// rules::mean_of in vectors.
template <class C>
HWY_INLINE Vector<C> mean_of_places(const rules::Places& places, const C* sorted) {
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  auto sum = hn::Load(tag, sorted + places.first * kLanes);
  for (int i = 1; i < places.count; ++i) {
    sum = hn::Add(sum, hn::Load(tag, sorted + (places.first + i) * kLanes));
  }
  return hn::Div(sum, hn::Set(tag, static_cast<C>(places.count)));
}

/// rules::window_mean over sorted values [window.rows, lanes].
template <class C>
HWY_INLINE Vector<C> mean_of_window(const Window& window, const C* sorted) {
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  const auto at = [&](int i) HWY_ATTR { return hn::Load(tag, sorted + i * kLanes); };
  const rules::Places places = rules::centre_of(window);
  const bool trims =
      window.kind == WindowKind::kTrimmed || window.kind == WindowKind::kNearestTrimmed;
  const auto half = hn::Set(tag, C(0.5));
  const auto centre = trims               ? mean_of_places<C>(places, sorted)
                      : places.count == 1 ? at(places.first)
                                          : hn::Add(hn::Mul(half, at(places.first)),
                                                    hn::Mul(half, at(places.first + 1)));
  if (!rules::is_nearest(window.kind)) return centre;
  // Of the two ends the farther one leaves `dropped` times (rules::lower_end_leaves). Outwards from
  // the centre both sides are sorted by distance, so this takes the `dropped` farthest of two
  // sorted lists: value i of the lower side is among them exactly if it beats the value of the
  // upper side that would otherwise have been the last to leave. Then upper value i of the
  // `dropped` stays.
  const int dropped = rules::dropped(window);
  const int upper = window.rows - dropped;
  hn::Mask<Lanes<C>> lower_leaves[kMaxVectors];
  for (int i = 0; i < dropped; ++i) {
    lower_leaves[i] = hn::Gt(hn::Sub(centre, at(i)), hn::Sub(at(upper + i), centre));
  }
  auto sum = hn::Zero(tag);
  for (int i = 0; i < window.rows; ++i) {
    auto value = at(i);
    if (i < dropped) value = hn::IfThenZeroElse(lower_leaves[i], value);
    if (i >= upper) value = hn::IfThenElseZero(lower_leaves[i - upper], value);
    sum = hn::Add(sum, value);
  }
  return hn::Div(sum, hn::Set(tag, static_cast<C>(window.keep)));
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
