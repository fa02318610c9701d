// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/loops.hpp"

#include <byzccl/rules/grid.hpp>
#include <type_traits>

#include "benchmarks/values.hpp"
#include "kernels/elements.cuh"
#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"
#include "kernels/warp_sums.cuh"

namespace byzccl::bench {
namespace {

using kernels::kStripThreads;  // of sum_over_block()
using kernels::Pack;

constexpr unsigned kThreads = 256;
constexpr int kChains = 16;  // independent, which hides what one operation waits for

// -------------------------------------------------------------------------------------------------
// kernels

template <class T>
__global__ void __launch_bounds__(kThreads)
    fill_kernel(T* row, std::int64_t d, std::uint32_t seed, float shift) {
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t c = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; c < d; c += step) {
    const float value = nearly_normal(seed + static_cast<std::uint32_t>(c)) + shift;
    row[c] = narrow<T>(static_cast<Compute<T>>(value));
  }
}

__global__ void __launch_bounds__(kThreads)
    read_kernel(const Pack<unsigned, 4>* from, std::int64_t count, unsigned* sink) {
  unsigned seen[4] = {};
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
#pragma unroll 4
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step) {
    const Pack<unsigned, 4> pack = from[i];
#pragma unroll
    for (int k = 0; k < 4; ++k) seen[k] ^= pack.value[k];
  }
  // What the compiler cannot rule out.
  if ((seen[0] ^ seen[1] ^ seen[2] ^ seen[3]) == 0x5eed5eedu) *sink = seen[0];
}

__device__ float finish(const float (&chain)[kChains]) {
  float sum = 0;
#pragma unroll
  for (int k = 0; k < kChains; ++k) sum += chain[k];
  return sum;
}

// Every chain goes to the fixed point of a = 1/4 + (1/2 - a)^2.
__global__ void __launch_bounds__(kThreads) subtract_fma_kernel(int rounds, float* sink) {
  float chain[kChains];
#pragma unroll
  for (int k = 0; k < kChains; ++k) {
    chain[k] = static_cast<float>(threadIdx.x * kChains + k) / 8192.0f;
  }
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int k = 0; k < kChains; ++k) {
      const float difference = 0.5f - chain[k];
      chain[k] = fmaf(difference, difference, 0.25f);
    }
  }
  const float sum = finish(chain);
  if (sum == 1e30f) *sink = sum;
}

// Comparators between neighbours, as an odd-even transposition sort has them; the last one goes
// round, so that every round has as many operations as chains.
__global__ void __launch_bounds__(kThreads) min_max_kernel(int rounds, float* sink) {
  float v[kChains];
#pragma unroll
  for (int k = 0; k < kChains; ++k) {
    v[k] = static_cast<float>((threadIdx.x * 37 + k * 11) % 64);
  }
  for (int round = 0; round < rounds; ++round) {
#pragma unroll
    for (int first = 0; first < 2; ++first) {
#pragma unroll
      for (int k = first; k < kChains; k += 2) {
        const float a = v[k];
        const float b = v[(k + 1) % kChains];
        v[k] = fminf(a, b);
        v[(k + 1) % kChains] = fmaxf(a, b);
      }
    }
  }
  const float sum = finish(v);
  if (sum == 1e30f) *sink = sum;
}

__global__ void __launch_bounds__(kStripThreads)
    pair_kernel(const float* a, const float* b, std::int64_t d, double* partials) {
  const std::int64_t step = std::int64_t{gridDim.x} * kernels::kStripThreads;
  float sum[1] = {0};
  for (std::int64_t c = std::int64_t{blockIdx.x} * kStripThreads + threadIdx.x; c < d; c += step) {
    const float difference = a[c] - b[c];
    sum[0] = fmaf(difference, difference, sum[0]);
  }
  kernels::sum_over_block<float, 1>(sum, partials + blockIdx.x);
}

std::int64_t blocks_for(std::int64_t items, std::int64_t each) {
  constexpr std::int64_t kMost = 65536;
  const std::int64_t blocks = (items + each - 1) / each;
  return blocks < 1 ? 1 : blocks < kMost ? blocks : kMost;
}

}  // namespace

// -------------------------------------------------------------------------------------------------
// launchers

void fill_row(void* row, std::int64_t d, DType dtype, int i, cudaStream_t stream) {
  with_dtype(dtype, [&]<class T>(Type<T>) {
    kernels::launch("fill", fill_kernel<T>,
                    {.blocks = blocks_for(d, std::int64_t{kThreads} * 8), .threads = kThreads},
                    stream, static_cast<T*>(row), d, seed_of(i), shift_of(i));
  });
}

void read_all(const void* from, std::size_t bytes, unsigned blocks, unsigned* sink,
              cudaStream_t stream) {
  kernels::launch("read", read_kernel, {.blocks = blocks, .threads = kThreads}, stream,
                  static_cast<const Pack<unsigned, 4>*>(from),
                  static_cast<std::int64_t>(bytes / 16), sink);
}

double loop_operations(unsigned blocks, int rounds) {
  return 2.0 * kChains * kThreads * blocks * rounds;
}

void subtract_fma_loop(unsigned blocks, int rounds, float* sink, cudaStream_t stream) {
  kernels::launch("subtract_fma", subtract_fma_kernel, {.blocks = blocks, .threads = kThreads},
                  stream, rounds, sink);
}

void min_max_loop(unsigned blocks, int rounds, float* sink, cudaStream_t stream) {
  kernels::launch("min_max", min_max_kernel, {.blocks = blocks, .threads = kThreads}, stream,
                  rounds, sink);
}

std::int64_t pair_blocks(std::int64_t d) {
  return blocks_for(d, std::int64_t{kStripThreads} * 256);
}

void distances_by_pairs(std::span<const void* const> x, std::int64_t d, double* sums,
                        double* scratch, cudaStream_t stream) {
  const int n = static_cast<int>(x.size());
  const std::int64_t blocks = pair_blocks(d);
  for (int i = 0; i < n; ++i) {
    for (int j = i + 1; j < n; ++j) {
      kernels::launch("pair", pair_kernel,
                      {.blocks = blocks,
                       .threads = kStripThreads,
                       .shared = sizeof(kernels::StripShared<float, 1>)},
                      stream, static_cast<const float*>(x[i]), static_cast<const float*>(x[j]), d,
                      scratch);
      kernels::add_tiles(scratch, {1, blocks, 1, blocks}, 1, 1, sums + rules::pair_index(i, j, n),
                         stream);
    }
  }
}

}  // namespace byzccl::bench
