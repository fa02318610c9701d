// SPDX-License-Identifier: MIT
// Kernels that only benchmarks launch.

#pragma once

#include <cuda_runtime_api.h>

#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace byzccl::bench {

/// row [d] = the values of vector i (values.hpp), rounded to the dtype.
void fill_row(void* row, std::int64_t d, DType dtype, int i, cudaStream_t stream);

/// Reads `bytes` bytes, a multiple of 16; `sink` is not written in practice.
void read_all(const void* from, std::size_t bytes, unsigned blocks, unsigned* sink,
              cudaStream_t stream);

/// Float32 operations of one launch of the loops below.
double loop_operations(unsigned blocks, int rounds);

/// Differences and fused squares in equal number, in registers.
void subtract_fma_loop(unsigned blocks, int rounds, float* sink, cudaStream_t stream);

/// As many minima and maxima, in registers.
void min_max_loop(unsigned blocks, int rounds, float* sink, cudaStream_t stream);

/// sums [pairs] of squared differences between float32 vectors x [n, d], pairs as
/// rules::pair_index counts them, by a launch for each pair: the way of libraries that call a
/// kernel with two vectors. scratch: pair_blocks(d) doubles.
void distances_by_pairs(std::span<const void* const> x, std::int64_t d, double* sums,
                        double* scratch, cudaStream_t stream);
std::int64_t pair_blocks(std::int64_t d);

}  // namespace byzccl::bench
