// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/vectors.hpp"

#include "benchmarks/gpu/loops.hpp"
#include "csrc/cuda/owners.hpp"

namespace byzccl::bench {
namespace {

std::size_t row_bytes(std::int64_t d, DType dtype) {
  return (static_cast<std::size_t>(d) * size_of(dtype) + 255) / 256 * 256;
}

}  // namespace

std::size_t DeviceVectors::bytes(int n, std::int64_t d, DType dtype) {
  return (static_cast<std::size_t>(n) + 1) * row_bytes(d, dtype);  // and the output
}

DeviceVectors::DeviceVectors(int n, std::int64_t d, DType dtype, cudaStream_t stream) {
  void* memory = nullptr;
  cuda::check(cudaMalloc(&memory, bytes(n, d, dtype)), "cudaMalloc");
  memory_.reset(memory, [](void* p) { cudaFree(p); });
  std::byte* const begin = static_cast<std::byte*>(memory);
  for (int i = 0; i < n; ++i) {
    std::byte* const row = begin + static_cast<std::size_t>(i) * row_bytes(d, dtype);
    fill_row(row, d, dtype, i, stream);
    rows_.push_back(row);
  }
  out_ = begin + static_cast<std::size_t>(n) * row_bytes(d, dtype);
}

}  // namespace byzccl::bench
