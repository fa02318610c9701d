// SPDX-License-Identifier: MIT
// Who is to blame: ranks that fail put what they saw on the board, and agree on one verdict.

#pragma once

#include <byzccl/transport.hpp>
#include <chrono>
#include <string>

#include "csrc/collective/sighting.hpp"

namespace byzccl::collective {

/// Turns what this rank saw into the error that all ranks of the group throw alike: writes it on
/// the board, reads for a short while what the others saw, and takes the first verdict that stands.
/// Without a board the error says what this rank saw.
/// @param context  "step 12, all_reduce krum(f=1)"
TransportError judge(Transport& transport, const Sighting& seen, std::chrono::milliseconds timeout,
                     const std::string& context);

/// Whether some rank has left a word on the board that it fails.
bool somebody_failed(Transport& transport) noexcept;

/// Leaves a word for the others before this rank stops.
void announce(Transport& transport, const std::string& reason) noexcept;

}  // namespace byzccl::collective
