// SPDX-License-Identifier: MIT
// A communicator or a node from a store alone: the ranks talk over a Gloo backend that is theirs
// only.

#include <utility>

#include "byzccl_torch.hpp"
#include "meeting.hpp"

namespace byzccl::torch {

std::unique_ptr<Communicator> make_communicator(const c10::intrusive_ptr<c10d::Store>& store,
                                                int rank, int size, CommunicatorOptions options,
                                                at::Device device) {
  Met met = meet({store, rank, size, options.timeout, device.is_cpu() ? "cpu" : "cuda", nullptr});
  auto transport = c10d_transport(std::move(met.backend), store, met.store_host);
  if (!device.is_cpu()) {
    transport = cuda_transport(std::move(transport), device, options.timeout);
  }
  return std::make_unique<Communicator>(std::move(transport), options, device);
}

std::unique_ptr<Node> make_node(const NodeGroup& group, std::int64_t count, DType dtype,
                                NodeOptions options) {
  Met met = meet({group.store, group.rank, group.size, group.timeout, "cpu", nullptr, "node"});
  auto transport = c10d_transport(std::move(met.backend), group.store, met.store_host);
  return std::make_unique<Node>(std::move(transport), count, dtype, std::move(options));
}

}  // namespace byzccl::torch
