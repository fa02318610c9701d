// SPDX-License-Identifier: MIT
// A control path where there is nothing but NCCL.

#pragma once

#include <byzccl/transport.hpp>
#include <memory>

#include "csrc/transport/nccl/batch.hpp"

namespace byzccl::nccl {

/// Messages of host memory, staged over the communicator of `link`, behind what is under way there.
/// Waiting blocks the host, to the deadline. Who is late is known only where a batch has a single
/// peer. Its board is always out of reach.
std::shared_ptr<Transport> staged_control(std::shared_ptr<Link> link, int rank, int size);

}  // namespace byzccl::nccl
