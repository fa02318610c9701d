// SPDX-License-Identifier: MIT
#include "reducer_step.hpp"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace byzccl::torch {

std::shared_ptr<void> own_stream(at::Device device) {
  if (device.is_cpu()) return nullptr;
  const c10::impl::VirtualGuardImpl of_device(device.type());
  return std::make_shared<c10::StreamGuard>(of_device.getStreamFromGlobalPool(device));
}

}  // namespace byzccl::torch
