// SPDX-License-Identifier: MIT
// Who is to blame: ranks that fail put what they saw on the board, and agree on one verdict.

#pragma once

#include <byzccl/transport.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "csrc/collective/sighting.hpp"

namespace byzccl::collective {

/// A failed rank's own observation, and how it looks again before it judges. A null function: there
/// is nothing to look at.
struct Witness {
  Sighting seen;
  std::function<std::vector<int>()> lost = nullptr;  ///< who is gone by now
  /// Whose messages are missing by now. Asked at the end of the time for words; who has said
  /// nothing in it either is missed as if it were gone.
  std::function<std::vector<int>()> missing = nullptr;
};

/// Turns what this rank saw into the error that all ranks of the group throw alike: writes it on
/// the board, reads for a short while what the others saw, and takes the first verdict that stands.
/// One that contradicts what this rank saw itself is shown as contested, and not believed.
///
/// Without a board the error says what this rank saw. Whom it misses may be a victim as it is
/// itself, so it names the rank whose process the board ended with, or nobody, unless there is but
/// one other rank.
/// @param context  "step 12, all_reduce krum(f=1)"
TransportError judge(Transport& transport, const Witness& witness,
                     std::chrono::milliseconds timeout, const std::string& context);

/// Whether some rank has left a word on the board that it fails; nothing if that is out of reach.
std::optional<bool> look_for_failure(Transport& transport) noexcept;

/// The same, and false if the board is out of reach: who is near enough to it will say so.
bool somebody_failed(Transport& transport) noexcept;

/// Tells those who judge that this rank is alive.
void answer(Transport& transport, Presence presence) noexcept;

/// Leaves a word for the others before this rank stops.
void announce(Transport& transport, const std::string& reason) noexcept;

/// Between two looks at the board: well below the time that ranks give each other to say what they
/// saw.
std::chrono::milliseconds look_pause(std::chrono::milliseconds timeout);

}  // namespace byzccl::collective
