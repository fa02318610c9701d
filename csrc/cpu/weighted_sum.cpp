// SPDX-License-Identifier: MIT
#include "csrc/cpu/weighted_sum.hpp"

#include <algorithm>
#include <cstring>

#include "csrc/cpu/loops.hpp"
#include "csrc/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "csrc/cpu/weighted_sum.cpp"
#include <hwy/foreach_target.h>

#include "csrc/cpu/mix-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

// Columns whose sums stay in the nearest cache while the rows pass.
inline constexpr std::int64_t kSumBlock = 1024;

void sum_columns(const Mix& mix, DType dtype, std::int64_t first, std::int64_t end, void* out) {
  with_dtype(dtype, [&]<class T>(Type<T>) HWY_ATTR {
    using C = Compute<T>;
    const Lanes<C> tag;
    constexpr std::size_t kLanes = lane_count<C>();
    alignas(64) C sums[kSumBlock];
    for (; first < end; first += kSumBlock) {
      const std::size_t columns = static_cast<std::size_t>(std::min(kSumBlock, end - first));
      form_mix<T>(mix, first, columns, sums);
      T* to = static_cast<T*>(out) + first;
      std::size_t at = 0;
      for (; at + kLanes <= columns; at += kLanes) store(hn::Load(tag, sums + at), to + at);
      if (at < columns) store_first(hn::Load(tag, sums + at), to + at, columns - at);
    }
  });
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace byzccl::cpu {
namespace {

HWY_EXPORT(sum_columns);

// Columns that a thread takes at a time: a multiple of every block.
constexpr std::int64_t kItemColumns = 16384;

}  // namespace

void weighted_sum(const Mix& mix, std::int64_t columns, DType dtype, void* out) {
  const std::int64_t items = (columns + kItemColumns - 1) / kItemColumns;
  const std::int64_t elements = columns * static_cast<std::int64_t>(mix.x.size());
  parallel(items, elements, [&](std::int64_t item) {
    const std::int64_t first = item * kItemColumns;
    const std::int64_t end = std::min(first + kItemColumns, columns);
    const std::size_t size = size_of(dtype);
    char* const to = static_cast<char*>(out) + first * size;
    const std::size_t bytes = static_cast<std::size_t>(end - first) * size;
    if (mix.x.empty()) {
      std::memset(to, 0, bytes);
    } else if (mix.copies()) {
      std::memmove(to, static_cast<const char*>(mix.x[0]) + first * size, bytes);
    } else {
      HWY_DYNAMIC_DISPATCH(sum_columns)(mix, dtype, first, end, out);
    }
  });
}

}  // namespace byzccl::cpu

#endif  // HWY_ONCE
