// SPDX-License-Identifier: MIT
// Ranks that are threads of one process.

#pragma once

#include <byzccl/transport.hpp>
#include <memory>
#include <vector>

namespace byzccl {

/// The n ends of a new group, one for each rank. They keep what they share alive.
/// @throws InvalidArgument if n is not in [1, 256]
std::vector<std::shared_ptr<Transport>> local_transports(int n);

}  // namespace byzccl
