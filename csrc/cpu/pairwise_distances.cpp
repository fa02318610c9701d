// SPDX-License-Identifier: MIT
#include "csrc/cpu/pairwise_distances.hpp"

#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <byzccl/rules/grid.hpp>
#include <vector>

#include "csrc/cpu/float_mode.hpp"
#include "csrc/cpu/loops.hpp"
#include "csrc/cpu/strip.hpp"
#include "csrc/cpu/targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "csrc/cpu/pairwise_distances.cpp"
#include <hwy/foreach_target.h>

#include "csrc/cpu/tile_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace byzccl::cpu::HWY_NAMESPACE {

void strip_sums(const Strip& strip, DType dtype, double* out) {
  with_dtype(dtype, [&]<class T>(Type<T>) HWY_ATTR { StripSums<T>(strip).run(out); });
}

std::string_view name_of_target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace byzccl::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE

namespace byzccl::cpu {
namespace {

HWY_EXPORT(strip_sums);
HWY_EXPORT(name_of_target);

// Bytes of tile sums that are kept before they are added in order.
constexpr std::int64_t kBatchBytes = std::int64_t{4} << 20;

// Tiles of a strip: large strips hide what it costs to begin one, small ones even out the threads.
std::int64_t strip_tiles(std::int64_t tile_elements, std::int64_t tiles) {
  const std::int64_t share = tiles * tile_elements / (std::int64_t{8} * threads());
  const std::int64_t elements = std::clamp(share, std::int64_t{1} << 16, std::int64_t{1} << 20);
  return std::max<std::int64_t>(1, elements / tile_elements);
}

}  // namespace

void pairwise_distances(const Rows& rows, std::int64_t tile, std::span<const std::int64_t> ends,
                        double* total, std::span<const Mix> mixes) {
  const FloatMode mode;
  const int n = static_cast<int>(rows.x.size());
  const std::int64_t pairs = rules::pair_count(n);
  std::fill_n(total, pairs, 0.0);
  if (pairs == 0 || ends.empty() || ends.back() == 0) return;
  const std::int64_t tiles = ends.back();
  const std::int64_t strip = strip_tiles(tile * n, tiles);
  const std::int64_t batch = std::max<std::int64_t>(kBatchBytes / (8 * pairs * strip), 16) * strip;
  std::vector<double> sums(static_cast<std::size_t>(std::min(batch, tiles) * pairs));
  std::vector<double> shard(static_cast<std::size_t>(pairs), 0.0);
  auto end = std::find_if(ends.begin(), ends.end(), [](std::int64_t e) { return e > 0; });
  for (std::int64_t first = 0; first < tiles; first += batch) {
    const std::int64_t count = std::min(batch, tiles - first);
    const std::int64_t columns = std::min(count * tile, rows.columns - first * tile);
    parallel((count + strip - 1) / strip, columns * n, [&](std::int64_t item) {
      const std::int64_t from = item * strip * tile;
      const Strip work{
          mixes.empty() ? nullptr : mixes.data(), rows.x.data(), n, first * tile + from,
          std::min(strip * tile, columns - from), tile};
      HWY_DYNAMIC_DISPATCH(strip_sums)
      (work, rows.dtype, sums.data() + item * strip * pairs);
    });
    for (std::int64_t t = 0; t < count; ++t) {
      for (std::int64_t p = 0; p < pairs; ++p) shard[p] += sums[t * pairs + p];
      if (first + t + 1 < *end) continue;
      for (std::int64_t p = 0; p < pairs; ++p) total[p] += shard[p];
      std::fill(shard.begin(), shard.end(), 0.0);
      while (end != ends.end() && *end <= first + t + 1) ++end;
    }
  }
}

std::string_view target_name() { return HWY_DYNAMIC_DISPATCH(name_of_target)(); }

}  // namespace byzccl::cpu

#endif  // HWY_ONCE
