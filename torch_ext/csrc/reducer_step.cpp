// SPDX-License-Identifier: MIT
#include "reducer_step.hpp"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

namespace byzccl::torch {

StepThread::StepThread(at::Device device, std::function<void(ReducerStep)> complete)
    : complete_(std::move(complete)), thread_([this, device] { loop(device); }) {}

StepThread::~StepThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void StepThread::push(ReducerStep step) {
  const std::lock_guard lock(mutex_);
  steps_.push_back(std::move(step));
  changed_.notify_all();
}

void StepThread::loop(at::Device device) {
  // A future of a CUDA device takes along the order of this thread's stream. The default stream
  // would hold back what the program still has to do on it.
  c10::OptionalStreamGuard own_stream;
  if (!device.is_cpu()) {
    const c10::impl::VirtualGuardImpl of_device(device.type());
    own_stream.reset_stream(of_device.getStreamFromGlobalPool(device));
  }
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !steps_.empty(); });
    if (steps_.empty()) return;
    ReducerStep step = std::move(steps_.front());
    steps_.pop_front();
    lock.unlock();
    complete_(std::move(step));
    lock.lock();
  }
}

}  // namespace byzccl::torch
