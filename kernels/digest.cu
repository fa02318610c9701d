// SPDX-License-Identifier: MIT
// The digest of a vector, twin of csrc/cpu/digest.cpp. What is added are integers, so that any
// thread may take any words and the sums are the host's.

#include <algorithm>
#include <bit>
#include <byzccl/rules/digest.hpp>
#include <byzccl/rules/exact.hpp>

#include "kernels/elements.cuh"
#include "kernels/flag.cuh"
#include "kernels/launch.hpp"
#include "kernels/launch_kernel.cuh"

namespace byzccl::kernels {
namespace {

// -------------------------------------------------------------------------------------------------
// kernels

constexpr unsigned kThreads = 256;
/// Blocks that share a long vector: each warp ends with an atomic addition to the same word.
constexpr std::int64_t kBlocks = 512;
/// Pairs of words that a thread has under way: 64 bytes, with kBlocks above what bandwidth times
/// latency asks for.
constexpr int kPairs = 4;

struct Words {
  std::uint64_t word[rules::kDigestWords];
};

__device__ void add(std::uint64_t& total, std::uint64_t sum) {
#pragma unroll
  for (int half = 16; half > 0; half /= 2) sum += __shfl_xor_sync(~0u, sum, half);
  static_assert(sizeof(unsigned long long) == sizeof total);
  if (threadIdx.x % 32 == 0 && sum > 0) {
    DeviceCounter(reinterpret_cast<unsigned long long&>(total))
        .fetch_add(sum, ::cuda::memory_order_relaxed);
  }
}

/// Adds to `sums`, which are zeros before; `copy`, if there is one, becomes x.
template <class T>
__global__ void __launch_bounds__(kThreads)
    digest_kernel(const T* x, std::int64_t columns, rules::DigestSums* sums, T* copy) {
  constexpr int V = kWidest<T>;
  using P = Pack<T, V>;
  static_assert(sizeof(P) == sizeof(Words));
  constexpr std::int64_t kApart = std::int64_t{kThreads} * V;  // from a pair to a thread's next
  const bool aligned = is_aligned<P>(x);
  rules::DigestSums own;
  for (std::int64_t first = blockIdx.x * kPairs * kApart + threadIdx.x * V; first < columns;
       first += gridDim.x * kPairs * kApart) {
    P pairs[kPairs];
    if (aligned && first + (kPairs - 1) * kApart + V <= columns) {
#pragma unroll
      for (int k = 0; k < kPairs; ++k) pairs[k] = load_whole<P>(x + first + k * kApart);
    } else {
#pragma unroll
      for (int k = 0; k < kPairs; ++k) {
        const std::int64_t column = first + k * kApart;
        pairs[k] = load<T, V>(x + column, columns - column);
      }
    }
#pragma unroll
    for (int k = 0; k < kPairs; ++k) {
      const std::int64_t column = first + k * kApart;
      if (column >= columns) break;
      const Words words = std::bit_cast<Words>(pairs[k]);
      const std::uint64_t index = static_cast<std::uint64_t>(column) / (V / rules::kDigestWords);
#pragma unroll
      for (unsigned w = 0; w < rules::kDigestWords; ++w) {
        own.words += rules::digest_term(words.word[w], index + w);
      }
#pragma unroll
      for (int v = 0; v < V; ++v) own.odd += !rules::is_finite(to_compute(pairs[k].value[v]));
      if (copy != nullptr) store<T, V>(pairs[k], copy + column, columns - column);
    }
  }
  add(sums->words, own.words);
  add(sums->odd, own.odd);
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    clear_odd_kernel(T* x, std::int64_t columns, const rules::DigestSums* sums) {
  if (sums->odd == 0) return;
  constexpr int V = kWidest<T>;
  for (std::int64_t column = (std::int64_t{blockIdx.x} * kThreads + threadIdx.x) * V;
       column < columns; column += std::int64_t{gridDim.x} * kThreads * V) {
    store<T, V>(Pack<T, V>{}, x + column, columns - column);
  }
}

template <class T>
LaunchShape shape(std::int64_t columns) {
  constexpr std::int64_t kBlockColumns = std::int64_t{kThreads} * kPairs * kWidest<T>;
  return {.blocks = std::min(kBlocks, (columns + kBlockColumns - 1) / kBlockColumns),
          .threads = kThreads};
}

}  // namespace

// -------------------------------------------------------------------------------------------------
// launchers

void digest(const void* x, std::int64_t columns, DType dtype, rules::DigestSums* sums, void* copy,
            cudaStream_t stream) {
  if (columns == 0) return;
  with_dtype(dtype, [&]<class T>(Type<T>) {
    launch("digest", digest_kernel<T>, shape<T>(columns), stream, static_cast<const T*>(x), columns,
           sums, static_cast<T*>(copy));
  });
}

void clear_odd(void* x, std::int64_t columns, DType dtype, const rules::DigestSums* sums,
               cudaStream_t stream) {
  if (columns == 0) return;
  with_dtype(dtype, [&]<class T>(Type<T>) {
    launch("clear_odd", clear_odd_kernel<T>, shape<T>(columns), stream, static_cast<T*>(x), columns,
           sums);
  });
}

}  // namespace byzccl::kernels
