// SPDX-License-Identifier: MIT
#include "csrc/cuda/landing.hpp"

#include <exception>
#include <utility>

namespace byzccl::cuda {

Landing::~Landing() {
  const BesideCaptures beside;
  if (!retired_.empty()) cudaStreamSynchronize(read_);
}

std::shared_ptr<void> Landing::take(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    while (!retired_.empty() && retired_.front().read->reached()) retired_.pop_front();
  }
  return allocate(bytes, filled_);
}

void Landing::retire(std::shared_ptr<void> memory, int device) noexcept {
  try {
    const DeviceScope scope(device);
    auto read = std::make_unique<Event>();
    const std::lock_guard lock(mutex_);
    read->record(read_);
    retired_.push_back({memory, std::move(read)});  // not moved: it outlives a failure here
  } catch (const std::exception&) {
    const BesideCaptures beside;
    cudaStreamSynchronize(read_);  // without a mark; the device has failed, and says so elsewhere
  }
}

}  // namespace byzccl::cuda
