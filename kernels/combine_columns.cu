// SPDX-License-Identifier: MIT
#include "kernels/combine_columns.cuh"

#include <algorithm>

#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {
namespace {

template <class T, int N>
void launch_network(const Vectors& vectors, const ColumnJob& job, T* out, cudaStream_t stream) {
  using Block = ColumnBlock<Compute<T>, N>;
  const int width = Block::width(job.window.rows);
  launch("combine_columns", combine_columns_kernel<T, N>,
         {.blocks = std::min((job.columns + width - 1) / width, kMostBlocks),
          .threads = Block::kThreads,
          .shared = sizeof(ColumnShared<Compute<T>, N>)},
         stream, row_table<kMaxRows>(vectors.x), job, out);
}

/// The smallest network of N, Larger.. places that takes all rows.
template <class T, int N, int... Larger>
void launch_smallest(const Vectors& vectors, const ColumnJob& job, T* out, cudaStream_t stream) {
  if constexpr (sizeof...(Larger) > 0) {
    if (job.window.rows > N) return launch_smallest<T, Larger...>(vectors, job, out, stream);
  }
  launch_network<T, N>(vectors, job, out, stream);
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
    if (window.rows > 64) return launch_network<T, 0>(vectors, job, to, stream);
    launch_smallest<T, 4, 8, 16, 24, 32, 48, 64>(vectors, job, to, stream);
  });
}

}  // namespace byzccl::kernels
