// SPDX-License-Identifier: MIT
// The vectors that benchmarks work on, on the device: the same values as the CPU's.

#pragma once

#include <cuda_runtime_api.h>

#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace byzccl::bench {

class DeviceVectors {
 public:
  DeviceVectors(int n, std::int64_t d, DType dtype, cudaStream_t stream);
  /// Bytes of device memory that n vectors take.
  static std::size_t bytes(int n, std::int64_t d, DType dtype);

  std::span<const void* const> first(int n) const { return std::span(rows_).first(n); }
  void* out() const { return out_; }

 private:
  std::shared_ptr<void> memory_;
  std::vector<const void*> rows_;
  void* out_ = nullptr;
};

}  // namespace byzccl::bench
