// SPDX-License-Identifier: MIT
// Messages of device memory over NCCL.

#pragma once

#include <byzccl/transport.hpp>
#include <memory>

#include "csrc/transport/nccl/batch.hpp"

namespace byzccl::nccl {

/// The transport over `link`, whose ranks are those of `control`.
std::shared_ptr<Transport> make_transport(std::shared_ptr<Link> link,
                                          std::shared_ptr<Transport> control);

}  // namespace byzccl::nccl
