// SPDX-License-Identifier: MIT
// y = W x over a block of columns, for one instruction set.

#if defined(BYZCCL_MIX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BYZCCL_MIX_INL_H_
#undef BYZCCL_MIX_INL_H_
#else
#define BYZCCL_MIX_INL_H_
#endif

#include <limits>

#include "csrc/cpu/elements-inl.h"
#include "csrc/cpu/mix.hpp"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

/// Calls step(vector, at) for each vector of `columns` elements of a row, `at` counting elements;
/// the last one is filled up with zeros.
template <class T, class Step>
HWY_INLINE void for_each_vector(const T* row, std::size_t columns, const Step& step) {
  constexpr std::size_t kLanes = lane_count<Compute<T>>();
  std::size_t at = 0;
  for (; at + kLanes <= columns; at += kLanes) {
    fetch_ahead(row + at, columns);  // the next block of this row
    step(load(row + at), at);
  }
  if (at < columns) step(load_first(row + at, columns - at), at);
}

/// Writes columns [column, column + columns) of the mix to y, aligned, with room for whole vectors.
template <class T>
void form_mix(const Mix& mix, std::int64_t column, std::size_t columns,
              Compute<T>* HWY_RESTRICT y) {
  using C = Compute<T>;
  const Lanes<C> tag;
  constexpr std::size_t kLanes = lane_count<C>();
  if (mix.x.empty()) {
    const auto value = hn::Set(tag, mix.absent ? std::numeric_limits<C>::infinity() : C(0));
    for (std::size_t at = 0; at < columns; at += kLanes) hn::Store(value, tag, y + at);
    return;
  }
  const bool plain = mix.divisor > 0 || mix.copies();
  const auto each = [&](const auto& change) HWY_ATTR {
    for (std::size_t at = 0; at < columns; at += kLanes) {
      hn::Store(change(hn::Load(tag, y + at)), tag, y + at);
    }
  };
  for (std::size_t k = 0; k < mix.x.size(); ++k) {
    const T* row = static_cast<const T*>(mix.x[k]) + column;
    const auto weight = hn::Set(tag, static_cast<C>(mix.weights[k]));
    if (k == 0) {
      for_each_vector(row, columns, [&](Vector<C> x, std::size_t at) HWY_ATTR {
        hn::Store(plain ? x : hn::Mul(weight, x), tag, y + at);
      });
    } else if (plain) {
      for_each_vector(row, columns, [&](Vector<C> x, std::size_t at) HWY_ATTR {
        hn::Store(hn::Add(hn::Load(tag, y + at), x), tag, y + at);
      });
    } else {
      for_each_vector(row, columns, [&](Vector<C> x, std::size_t at) HWY_ATTR {
        hn::Store(fused_multiply_add<C>(weight, x, hn::Load(tag, y + at)), tag, y + at);
      });
    }
  }
  if (mix.divisor > 1) {
    const auto divisor = hn::Set(tag, static_cast<C>(mix.divisor));
    each([&](Vector<C> value) HWY_ATTR { return hn::Div(value, divisor); });
  }
  if (mix.scale != 1) {
    const auto scale = hn::Set(tag, static_cast<C>(mix.scale));
    each([&](Vector<C> value) HWY_ATTR { return hn::Mul(value, scale); });
  }
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
