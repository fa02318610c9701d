// SPDX-License-Identifier: MIT
// The distance passes over the rows that a plan's steps make of the vectors.

#include <algorithm>
#include <byzccl/rules/grid.hpp>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "kernels/launch.hpp"

namespace byzccl::cuda {
namespace {

// Bytes of rows that are formed at a time: they are read again at once, out of the second-level
// cache (50 MB of an H200).
constexpr std::int64_t kFormedBytes = std::int64_t{16} << 20;

using Pass = void (*)(const kernels::Vectors&, std::int64_t tile, int shards, double* sums,
                      void* scratch, cudaStream_t);
using PassBytes = std::size_t (*)(int rows, std::int64_t columns, std::int64_t tile);

/// Where the sums of a pass go.
struct Target {
  Pass pass;
  PassBytes bytes;
  std::size_t count;  ///< sums of a shard
  double* sums;       ///< [shards, count]
  cudaStream_t stream;
};

DType compute_type(DType dtype) {
  return dtype == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32;
}

void run(const kernels::Vectors& rows, std::int64_t tile, int shards, const Target& to) {
  const auto scratch =
      allocate(to.bytes(static_cast<int>(rows.x.size()), rows.columns, tile), to.stream);
  to.pass(rows, tile, shards, to.sums, scratch.get(), to.stream);
}

/// The vectors and, where the rows of D have it, the previous output.
std::vector<const void*> with_previous(const Rows& vectors, bool has_previous) {
  std::vector<const void*> x(vectors.x.begin(), vectors.x.end());
  if (has_previous) x.push_back(vectors.previous);
  return x;
}

/// Forms the rows some tiles at a time; after them comes the previous output, or lines - n zero
/// vectors.
void run_formed(const Plan& plan, const double* scales, int lines, const Rows& vectors,
                std::int64_t tile, int shards, const Target& to) {
  const rules::Grid grid{shards, vectors.columns, tile, (vectors.columns + tile - 1) / tile};
  const DType dtype = compute_type(vectors.dtype);
  const bool has_previous = lines > plan.n && plan.needs_previous && vectors.previous != nullptr;
  const int formed = plan.n + has_previous;
  const auto mixes = allocate(kernels::mix_bytes(formed), to.stream);
  kernels::list_formed(plan, scales, has_previous, mixes.get(), to.stream);
  const std::int64_t element = static_cast<std::int64_t>(size_of(dtype));
  const std::int64_t stride =
      std::max<std::int64_t>(1, kFormedBytes / (element * formed * tile)) * tile;
  const auto y = allocate(static_cast<std::size_t>(stride * formed * element), to.stream);
  std::vector<const void*> rows(static_cast<std::size_t>(lines), nullptr);
  for (int i = 0; i < formed; ++i) {
    rows[i] = static_cast<const std::byte*>(y.get()) + i * stride * element;
  }
  const std::vector<const void*> all = with_previous(vectors, has_previous);
  const kernels::Vectors x{all, vectors.columns, vectors.dtype};
  // The sums of every tile by itself; a shard then adds its tiles in order.
  const auto tiles =
      allocate(sizeof(double) * to.count * static_cast<std::size_t>(grid.tiles), to.stream);
  double* const tile_sums = static_cast<double*>(tiles.get());
  for (std::int64_t first = 0; first < vectors.columns; first += stride) {
    const std::int64_t columns = std::min(stride, vectors.columns - first);
    kernels::form_rows(x, first, mixes.get(), formed, true, {y.get(), stride, columns}, to.stream);
    const std::int64_t count = (columns + tile - 1) / tile;
    Target part = to;
    part.sums = tile_sums + first / tile * static_cast<std::int64_t>(to.count);
    run({rows, columns, dtype}, tile, static_cast<int>(count), part);
  }
  kernels::add_tiles(tile_sums, grid, 1, static_cast<std::int64_t>(to.count), to.sums, to.stream);
}

}  // namespace

void shard_distances(const Plan& plan, const rules::Decision& decision, const Rows& vectors,
                     std::int64_t tile, int shards, double* sums, cudaStream_t stream) {
  const Target to{kernels::pairwise_distances, kernels::distance_scratch_bytes,
                  static_cast<std::size_t>(rules::pair_count(plan.lines)), sums, stream};
  if (to.count == 0) return;
  if (plan.bucket > 0 || plan.needs_norms) {
    const double* scales = plan.needs_norms ? decision.scales : nullptr;
    return run_formed(plan, scales, plan.lines, vectors, tile, shards, to);
  }
  std::vector<const void*> rows = with_previous(vectors, plan.needs_previous);
  rows.resize(static_cast<std::size_t>(plan.lines), nullptr);
  run({rows, vectors.columns, vectors.dtype}, tile, shards, to);
}

void shard_norms(const Plan& plan, const Rows& vectors, std::int64_t tile, int shards, double* sums,
                 cudaStream_t stream) {
  const Target to{kernels::norms, kernels::norm_scratch_bytes, static_cast<std::size_t>(plan.n),
                  sums, stream};
  if (plan.bucket > 0) return run_formed(plan, nullptr, plan.n, vectors, tile, shards, to);
  run({vectors.x, vectors.columns, vectors.dtype}, tile, shards, to);
}

}  // namespace byzccl::cuda
