// SPDX-License-Identifier: MIT
// The two streams of a communicator: its steps run on one while its messages travel on the other.

#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "csrc/cuda/landing.hpp"
#include "csrc/cuda/owners.hpp"

namespace byzccl::cuda {

/// On the device that is current where it is made. `comm` waits for `compute` only where
/// comm_after_compute() says so; `compute` waits for the messages whose data it is about to read.
class StreamPair : public std::enable_shared_from_this<StreamPair> {
 public:
  StreamPair() : device_(current_device()) { open_pool(); }

  int device() const { return device_; }
  cudaStream_t compute() const { return compute_.get(); }
  cudaStream_t comm() const { return comm_.get(); }

  /// Memory in the order of `compute`, which keeps the streams alive.
  std::shared_ptr<void> allocate(std::size_t bytes) {
    return keep(cuda::allocate(bytes, compute()));
  }

  /// Memory that `comm` may write at once; it goes after what `compute` was given by then.
  std::shared_ptr<void> allocate_landing(std::size_t bytes) {
    std::shared_ptr<void> memory = landing_.take(bytes);
    void* const at = memory.get();
    return {at, [self = shared_from_this(), kept = std::move(memory)](void*) mutable {
              self->landing_.retire(std::move(kept), self->device_);
            }};
  }

  /// What is enqueued on `comm` from now on comes after what is on `compute` now.
  void comm_after_compute() {
    const DeviceScope scope(device_);
    passed_.record(compute());
    passed_.hold(comm());
  }

 private:
  std::shared_ptr<void> keep(std::shared_ptr<void> memory) {
    struct Kept {
      std::shared_ptr<StreamPair> streams;  // goes last
      std::shared_ptr<void> memory;
    };
    auto kept = std::make_shared<Kept>(Kept{shared_from_this(), std::move(memory)});
    return {kept, kept->memory.get()};
  }

  int device_;
  Stream compute_;
  Stream comm_;
  Event passed_;
  Landing landing_{comm(), compute()};
};

}  // namespace byzccl::cuda
