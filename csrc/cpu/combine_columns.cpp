// SPDX-License-Identifier: MIT
#include "csrc/cpu/combine_columns.hpp"

#include <algorithm>
#include <atomic>
#include <new>
#include <vector>

#include "csrc/cpu/column_job.hpp"
#include "csrc/cpu/loops.hpp"
#include "csrc/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "csrc/cpu/combine_columns.cpp"
#include <hwy/foreach_target.h>

#include <hwy/aligned_allocator.h>

#include "csrc/cpu/mix-inl.h"
#include "csrc/cpu/window_columns-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

// Columns of y = W x that are formed at a time.
inline constexpr std::int64_t kMixBlock = 256;

std::int64_t column_range(const ColumnJob& job, DType dtype, std::int64_t first, std::int64_t end) {
  return with_dtype(dtype, [&]<class T>(Type<T>) HWY_ATTR {
    using C = Compute<T>;
    T* out = static_cast<T*>(job.out);
    if (job.mixes.empty()) {
      std::vector<const T*> x;
      for (const void* row : job.x) x.push_back(static_cast<const T*>(row) + first);
      return window_columns(job, x.data(), end - first, out + first);
    }
    const std::size_t rows = job.mixes.size();
    const auto y = hwy::AllocateAligned<C>(rows * kMixBlock);
    if (!y) throw std::bad_alloc();
    std::vector<const C*> x;
    for (std::size_t i = 0; i < rows; ++i) x.push_back(y.get() + i * kMixBlock);
    std::int64_t nan_columns = 0;
    for (std::int64_t column = first; column < end; column += kMixBlock) {
      const std::int64_t columns = std::min(kMixBlock, end - column);
      for (std::size_t i = 0; i < rows; ++i) {
        form_mix<T>(job.mixes[i], column, static_cast<std::size_t>(columns),
                    y.get() + i * kMixBlock);
      }
      nan_columns += window_columns(job, x.data(), columns, out + column);
    }
    return nan_columns;
  });
}

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace byzccl::cpu {
namespace {

HWY_EXPORT(column_range);

// Columns that a thread takes at a time.
constexpr std::int64_t kItemColumns = 8192;

// Sizes that columns are filled up to; larger ones stay as they are.
constexpr int kNetworkSizes[] = {4, 8, 16, 24, 32, 48, 64};

int padded(int rows) {
  for (const int size : kNetworkSizes) {
    if (rows <= size) return size;
  }
  return rows;
}

}  // namespace

std::int64_t combine_columns(const Rows& rows, std::span<const Mix> mixes, const Window& window,
                             void* out) {
  ColumnJob job;
  job.window = window;
  job.out = out;
  if (mixes.empty()) {
    job.x.assign(rows.x.begin(), rows.x.end());
  } else if (std::all_of(mixes.begin(), mixes.end(), [](const Mix& m) { return m.copies(); })) {
    for (const Mix& mix : mixes) job.x.push_back(mix.x[0]);
  } else {
    job.mixes = mixes;
  }
  job.size = padded(window.rows);
  if (job.size > 16) {
    rules::visit_network(job.size, [&](int low, int high) {
      job.network.push_back({static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)});
    });
  }
  std::atomic<std::int64_t> nan_columns{0};
  const std::int64_t items = (rows.columns + kItemColumns - 1) / kItemColumns;
  parallel(items, rows.columns * window.rows, [&](std::int64_t item) {
    const std::int64_t first = item * kItemColumns;
    const std::int64_t end = std::min(first + kItemColumns, rows.columns);
    nan_columns += HWY_DYNAMIC_DISPATCH(column_range)(job, rows.dtype, first, end);
  });
  return nan_columns;
}

}  // namespace byzccl::cpu

#endif  // HWY_ONCE
