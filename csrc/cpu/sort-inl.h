// SPDX-License-Identifier: MIT
// Sorts columns in vectors, a column a lane, for one instruction set.

#if defined(BYZCCL_SORT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_SORT_INL_H_
#undef BYZCCL_SORT_INL_H_
#else
#define BYZCCL_SORT_INL_H_
#endif

#include <byzccl/rules/sorting_network.hpp>
#include <span>
#include <utility>

#include "csrc/cpu/elements-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

template <class K>
HWY_INLINE void exchange(Vector<K>& low, Vector<K>& high) {
  const Vector<K> smaller = hn::Min(low, high);
  high = hn::Max(low, high);
  low = smaller;
}

template <class K, int n, std::size_t... Is>
HWY_INLINE void run_network(Vector<K> (&v)[n], std::index_sequence<Is...>) {
  (exchange<K>(v[rules::kNetwork<n>[Is].low], v[rules::kNetwork<n>[Is].high]), ...);
}

/// Sorts n keys of a vector of columns in registers: keys [n, lanes] = at(0), .., at(n - 1),
/// sorted.
template <class K, int n, class At>
HWY_INLINE void sort_fixed(const At& at, K* keys) {
  const Lanes<K> tag;
  constexpr std::size_t kLanes = lane_count<K>();
  Vector<K> v[n];
  for (int i = 0; i < n; ++i) v[i] = at(i);
  run_network<K, n>(v, std::make_index_sequence<rules::kNetwork<n>.size()>());
  for (int i = 0; i < n; ++i) hn::Store(v[i], tag, keys + i * kLanes);
}

/// The same where the keys lie already.
template <class K, int n>
HWY_NOINLINE void sort_in_place(K* keys) {
  const auto at = [&](int i) HWY_ATTR { return hn::Load(Lanes<K>(), keys + i * lane_count<K>()); };
  sort_fixed<K, n>(at, keys);
}

/// Sorts keys [.., lanes] by a list of comparators.
template <class K>
void sort_listed(std::span<const rules::Comparator> network, K* keys) {
  const Lanes<K> tag;
  constexpr std::size_t kLanes = lane_count<K>();
  for (const rules::Comparator c : network) {
    auto low = hn::Load(tag, keys + c.low * kLanes);
    auto high = hn::Load(tag, keys + c.high * kLanes);
    exchange<K>(low, high);
    hn::Store(low, tag, keys + c.low * kLanes);
    hn::Store(high, tag, keys + c.high * kLanes);
  }
}

// Largest network whose sort is inlined where keys are loaded and placed, and largest that is
// compiled as straight code at all: where it would only spill registers, the list is as good.
// ASan makes a kilobyte of code of each comparator. There only the smallest network is inlined,
// those of 8 and 16 are compiled once for a type of keys, and larger ones run from the list.
#ifdef __SANITIZE_ADDRESS__
inline constexpr int kMostInlined = 4;
template <class K>
constexpr int largest_fixed() {
  return 16;
}
#else
inline constexpr int kMostInlined = 16;
template <class K>
constexpr int largest_fixed() {
#if HWY_MAX_BYTES >= 64
  return sizeof(K) <= 4 ? 64 : 16;
#elif HWY_MAX_BYTES == 32
  return sizeof(K) <= 4 ? 32 : 16;
#else
  return 16;
#endif
}
#endif

/// Sorts keys [size, lanes], size > kMostInlined: one of kNetworkSizes, or any above the last of
/// them. `network` serves sizes above 16.
template <class K>
HWY_INLINE void sort_keys(int size, std::span<const rules::Comparator> network, K* keys) {
  if constexpr (kMostInlined < 16) {
    if (size == 8) return sort_in_place<K, 8>(keys);
    if (size == 16) return sort_in_place<K, 16>(keys);
  }
  if constexpr (largest_fixed<K>() >= 32) {
    if (size == 24) return sort_in_place<K, 24>(keys);
    if (size == 32) return sort_in_place<K, 32>(keys);
  }
  if constexpr (largest_fixed<K>() >= 64) {
    if (size == 48) return sort_in_place<K, 48>(keys);
    if (size == 64) return sort_in_place<K, 64>(keys);
  }
  sort_listed<K>(network, keys);
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
