// SPDX-License-Identifier: MIT
// What a Reducer exchanges by itself travels over a Gloo backend.

#include "byzccl_reducer.hpp"
#include "meeting.hpp"

namespace byzccl::torch {

c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
    std::chrono::milliseconds timeout) {
  constexpr auto kGloo = c10d::ProcessGroup::BackendType::GLOO;
  auto group = c10::make_intrusive<c10d::ProcessGroup>(store, rank, size);
  group->setBackend(c10::DeviceType::CPU, kGloo,
                    meet({store, rank, size, timeout, "cpu", nullptr}).backend);
  group->setDefaultBackend(kGloo);
  return group;
}

}  // namespace byzccl::torch
