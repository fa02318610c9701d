// SPDX-License-Identifier: MIT
// File descriptors: how many a communicator takes, and how many this process may still open.

#pragma once

#include <cstddef>
#include <optional>

namespace byzccl::torch {

/// What one of `size` ranks opens to meet the others over `devices` network interfaces: a
/// connection to each of them, and what Gloo listens and polls with; besides, what comes and goes
/// (a file of a store, a look-up of a name, a connection to a store that is busy).
std::size_t descriptors_needed(int size, std::size_t devices);

struct DescriptorRoom {
  std::size_t free;
  std::size_t limit;  ///< RLIMIT_NOFILE
};

/// Nothing where the system does not say.
std::optional<DescriptorRoom> descriptor_room();

}  // namespace byzccl::torch
