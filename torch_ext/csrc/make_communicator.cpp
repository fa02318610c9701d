// SPDX-License-Identifier: MIT
// A communicator from a store alone: the ranks talk over a Gloo backend that is theirs only.

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include "byzccl_torch.hpp"

namespace byzccl::torch {

std::unique_ptr<Communicator> make_communicator(const c10::intrusive_ptr<c10d::Store>& store,
                                                int rank, int size, CommunicatorOptions options) {
  auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(
      store, rank, size, c10d::ProcessGroupGloo::Options::create_default(options.timeout));
  return std::make_unique<Communicator>(c10d_transport(std::move(gloo), store), options);
}

}  // namespace byzccl::torch
