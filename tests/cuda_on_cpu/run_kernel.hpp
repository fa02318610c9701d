// SPDX-License-Identifier: MIT
// Runs kernels without a stream, in each of the double's ways.

#pragma once

#include <functional>
#include <utility>

#include "cuda_on_cpu/device.hpp"

namespace byzccl::test {

/// Returns when the grid has ended. @throws cuda_on_cpu::DeviceError
template <class... Parameters, class... Arguments>
void run_kernel(const cuda_on_cpu::GridShape& shape, void (*kernel)(Parameters...),
                Arguments... arguments) {
  cuda_on_cpu::run_grid(shape, [&] { kernel(arguments...); });
}

/// Calls f() with lanes as threads of the operating system, and with lanes as fibers in several
/// orders; under TSan only the first.
inline void each_way(const std::function<void()>& f) {
  cuda_on_cpu::Device& device = cuda_on_cpu::device();
  const cuda_on_cpu::Device before = device;
  device.os_threads = true;
  f();
  device.os_threads = false;
  const std::uint64_t seeds = cuda_on_cpu::kThreadSanitizer ? 0 : 3;
  for (device.seed = 1; device.seed <= seeds; ++device.seed) f();
  device = before;
}

}  // namespace byzccl::test
