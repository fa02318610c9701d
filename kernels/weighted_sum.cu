// SPDX-License-Identifier: MIT
#include "kernels/weighted_sum.cuh"

#include <algorithm>

#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {

void weighted_sum(const Vectors& vectors, const void* mixes, const rules::Outcome* outcome,
                  void* out, cudaStream_t stream) {
  if (vectors.columns == 0) return;
  with_dtype(vectors.dtype, [&]<class T>(Type<T>) {
    const std::int64_t blocks = (vectors.columns + kSumWidth<T> - 1) / kSumWidth<T>;
    launch("weighted_sum", weighted_sum_kernel<T>,
           {.blocks = std::min(blocks, kMostBlocks), .threads = kSumThreads}, stream,
           row_table<kMaxRows>(vectors.x), vectors.columns,
           are_aligned<Pack<T, kSumColumns<T>>>(vectors.x), static_cast<const Mix*>(mixes), outcome,
           static_cast<T*>(out));
  });
}

void form_rows(const Vectors& vectors, std::int64_t first_column, const void* mixes, int rows,
               bool every, const Formed& y, cudaStream_t stream) {
  if (y.columns == 0) return;
  with_dtype(vectors.dtype, [&]<class T>(Type<T>) {
    using C = Compute<T>;
    using Access = Pack<T, kSumColumns<C>>;
    constexpr std::int64_t kMostBlocksPerRow = 4096;
    const std::int64_t blocks =
        std::min((y.columns + kSumWidth<C> - 1) / kSumWidth<C>, kMostBlocksPerRow);
    const std::int64_t offset = first_column * static_cast<std::int64_t>(sizeof(T));
    launch("form_rows", form_rows_kernel<T>, {.blocks = rows * blocks, .threads = kSumThreads},
           stream, row_table<kMaxRows>(vectors.x), first_column, y.columns,
           are_aligned<Access>(vectors.x, offset), static_cast<const Mix*>(mixes), every,
           static_cast<unsigned>(blocks), y.stride, static_cast<C*>(y.data));
  });
}

}  // namespace byzccl::kernels
