// SPDX-License-Identifier: MIT
// Ranks that fail while they meet, before there is a communicator: over the board they agree on
// whom to name, as the ranks of a communicator do.

#pragma once

#include <byzccl/error.hpp>
#include <byzccl/transport.hpp>
#include <chrono>
#include <cstdint>
#include <string>

namespace byzccl {

/// What a rank saw.
struct MeetingFailure {
  enum class Kind : std::uint8_t {
    kTimedOut,       ///< not all ranks came in time; it is not known which
    kBrokeProtocol,  ///< `peer` wrote what no rank writes: `detail`
    kGaveUp,         ///< this rank itself cannot come: `detail`
  };

  Kind kind = Kind::kTimedOut;
  int peer = 0;
  std::string detail = {};
};

/// The error that all ranks of the group throw alike. Writes on the board of `transport` what this
/// rank saw, reads for a part of `timeout` what the others saw, and takes the first verdict that
/// stands. No message travels. @param context  begins the text of the verdict
TransportError agree_on_failure(Transport& transport, const MeetingFailure& seen,
                                std::chrono::milliseconds timeout, const std::string& context);

/// Leaves a word for the others before this rank stops.
void announce_failure(Transport& transport, const std::string& reason) noexcept;

}  // namespace byzccl
