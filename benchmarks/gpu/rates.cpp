// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/rates.hpp"

#include "benchmarks/gpu/device.hpp"
#include "benchmarks/gpu/loops.hpp"
#include "csrc/cuda/owners.hpp"

namespace byzccl::bench {

DeviceRates measure_device_rates(const Timer& timer, std::size_t bytes, int rounds) {
  const cudaStream_t stream = timer.stream();
  bytes = bytes / 16 * 16;
  const auto from = cuda::allocate(bytes, stream);
  const auto to = cuda::allocate(bytes, stream);
  // A device can be faster on zeros than on other values.
  fill_row(from.get(), static_cast<std::int64_t>(bytes / sizeof(float)), DType::kFloat32, 0,
           stream);
  const unsigned blocks = 8 * multiprocessors();
  float* const sink = static_cast<float*>(to.get());
  DeviceRates found;
  found.copy = 2 * static_cast<double>(bytes) /
               timer
                   .time_of([&] {
                     cuda::check(cudaMemcpyAsync(to.get(), from.get(), bytes,
                                                 cudaMemcpyDeviceToDevice, stream),
                                 "cudaMemcpyAsync");
                   })
                   .median;
  found.read = static_cast<double>(bytes) /
               timer
                   .time_of([&] {
                     read_all(from.get(), bytes, blocks, static_cast<unsigned*>(to.get()), stream);
                   })
                   .median;
  const double operations = loop_operations(blocks, rounds);
  found.rates.subtract_fma =
      operations / timer.time_of([&] { subtract_fma_loop(blocks, rounds, sink, stream); }).median;
  found.rates.min_max =
      operations / timer.time_of([&] { min_max_loop(blocks, rounds, sink, stream); }).median;
  return found;
}

}  // namespace byzccl::bench
