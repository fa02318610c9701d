// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/ending.hpp"

#include <exception>
#include <thread>

namespace byzccl::nccl {

void Ending::begin(ncclComm_t comm) noexcept {
  {
    const std::lock_guard lock(mutex_);
    deadline_ = Clock::now() + patience_;
  }
  try {
    std::thread([self = shared_from_this(), comm] { self->end(comm); }).detach();
  } catch (const std::exception&) {  // no thread to be had: then it takes as long as it takes
    end(comm);
  }
}

void Ending::end(ncclComm_t comm) noexcept {
  const cuda::BesideCaptures beside;
  cudaSetDevice(streams_->device());
  ncclCommAbort(comm);
  cudaStreamSynchronize(streams_->comm());
  // The steps behind the messages read and write the caller's vectors.
  cudaStreamSynchronize(streams_->compute());
  const std::lock_guard lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

void Ending::wait() noexcept {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline_, [&] { return over_; });
}

bool Ending::over() const noexcept {
  const std::lock_guard lock(mutex_);
  return over_;
}

}  // namespace byzccl::nccl
