// SPDX-License-Identifier: MIT
#include "kernels/combine_columns.cuh"

#include <algorithm>

#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {
namespace {

template <class W, int N, ColumnUse use, class T>
void launch_kernel(const Vectors& vectors, ColumnJob job, T* out, cudaStream_t stream) {
  using Block = ColumnBlock<W, N>;
  using Access = Pack<T, Block::kWords * W::kColumns>;
  const std::int64_t offset = job.first_column * static_cast<std::int64_t>(sizeof(T));
  const auto rows = static_cast<std::size_t>(job.window.rows);
  job.is_aligned = job.mixes == nullptr && are_aligned<Access>(vectors.x.first(rows), offset);
  auto table = row_table<kMaxRows>(vectors.x);
  if constexpr (N > 0) {
    if (job.mixes == nullptr) {
      for (std::size_t i = rows; i < N; ++i) table.x[i] = table.x[0];
    }
  }
  const int width = Block::width(job.window.rows);
  launch("combine_columns", combine_columns_kernel<T, W, N, use>,
         {.blocks = std::min((job.columns + width - 1) / width, kMostBlocks),
          .threads = Block::kThreads,
          .shared = sizeof(ColumnShared<W, N>)},
         stream, table, job, out);
}

template <class W, int N, class T>
void launch_network(const Vectors& vectors, const ColumnJob& job, T* out, cudaStream_t stream) {
  if constexpr (N > 0) {
    if (job.window.kind == WindowKind::kMedian) {
      return launch_kernel<W, N, ColumnUse::kMiddle>(vectors, job, out, stream);
    }
  }
  launch_kernel<W, N, ColumnUse::kWindow>(vectors, job, out, stream);
}

/// The smallest network of N, Larger.. places that takes all rows.
template <class W, int N, int... Larger, class T>
void launch_smallest(const Vectors& vectors, const ColumnJob& job, T* out, cudaStream_t stream) {
  if constexpr (sizeof...(Larger) > 0) {
    if (job.window.rows > N) return launch_smallest<W, Larger...>(vectors, job, out, stream);
  }
  launch_network<W, N>(vectors, job, out, stream);
}

/// Up to 64 rows. Rows that are formed are wider than elements, and which are is known late.
template <class T>
void launch_sorted(const Vectors& vectors, const ColumnJob& job, T* out, cudaStream_t stream) {
  if constexpr (sizeof(T) == 2) {
    if (job.mixes == nullptr) {
      return launch_smallest<PairWord<T>, 4, 8, 16, 24, 32, 48, 64>(vectors, job, out, stream);
    }
  }
  launch_smallest<WideWord<Compute<T>>, 4, 8, 16, 24, 32, 48, 64>(vectors, job, out, stream);
}

}  // namespace

void combine_columns(const Vectors& vectors, std::int64_t first_column, const Window& window,
                     const void* mixes, const Formed& y, rules::Outcome* outcome, void* out,
                     cudaStream_t stream) {
  if (y.columns == 0) return;
  const ColumnJob job{window, first_column, y.columns, static_cast<const Mix*>(mixes),
                      y.data, y.stride,     outcome};
  with_dtype(vectors.dtype, [&]<class T>(Type<T>) {
    T* to = static_cast<T*>(out);
    if (window.rows > 64) return launch_network<WideWord<Compute<T>>, 0>(vectors, job, to, stream);
    launch_sorted(vectors, job, to, stream);
  });
}

}  // namespace byzccl::kernels
