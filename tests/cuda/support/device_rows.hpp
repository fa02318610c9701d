// SPDX-License-Identifier: MIT
// Values on a device that the CUDA runtime alone reaches: what is written with these runs on a GPU
// as it does on the double.

#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "support/stack.hpp"

namespace byzccl::test {

inline void wait_for(cudaStream_t stream) {
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

/// Copies to the device; done when it returns.
inline void write(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return;
  cuda::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  wait_for(stream);
}

/// Copies from the device; done when it returns, and so is all work before it.
inline void read(void* to, const void* from, std::size_t bytes, cudaStream_t stream) {
  if (bytes > 0) {
    cuda::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream),
                "cudaMemcpyAsync");
  }
  wait_for(stream);
}

template <class T>
std::shared_ptr<void> upload(const std::vector<T>& values, cudaStream_t stream) {
  auto memory = cuda::allocate(values.size() * sizeof(T), stream);
  write(memory.get(), values.data(), values.size() * sizeof(T), stream);
  return memory;
}

template <class T>
std::vector<T> download(const void* from, std::size_t count, cudaStream_t stream) {
  std::vector<T> values(count);
  read(values.data(), from, count * sizeof(T), stream);
  return values;
}

/// A vector on the device, as far from an aligned address as on the host, and with nothing behind
/// its last element.
class DeviceRow {
 public:
  DeviceRow(const Row& row, cudaStream_t stream)
      : stream_(stream), memory_(cuda::allocate(row.offset() + row.bytes(), stream)) {
    at_ = static_cast<std::byte*>(memory_.get()) + row.offset();
    write(at_, row.data(), row.bytes(), stream);
  }
  void* data() const { return at_; }
  void download(Row& to) const { read(to.data(), at_, to.bytes(), stream_); }

 private:
  cudaStream_t stream_;
  std::shared_ptr<void> memory_;
  std::byte* at_ = nullptr;
};

class DeviceRows {
 public:
  DeviceRows(const std::vector<Row>& rows, cudaStream_t stream) {
    for (const Row& row : rows) {
      rows_.emplace_back(row, stream);
      x_.push_back(rows_.back().data());
    }
  }
  const std::vector<const void*>& x() const { return x_; }
  const DeviceRow& operator[](std::size_t i) const { return rows_[i]; }

 private:
  std::vector<DeviceRow> rows_;
  std::vector<const void*> x_;
};

}  // namespace byzccl::test
