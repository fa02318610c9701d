// SPDX-License-Identifier: MIT
// Adversaries that lie in the messages: what one rank tells one peer and not another.

#pragma once

#include <byzccl/attack.hpp>
#include <byzccl/transport.hpp>
#include <memory>

namespace byzccl {

/// `inner`, but what this rank sends is altered. Headers, sums of distances and counts go out as
/// they are: the rank keeps to the protocol, and nothing that the protocol checks can find it.
///
/// - `equivocate(scale=1)`: its own vector times -scale goes to every second rank, counted from its
///   right neighbour; the other ranks get the vector as it is.
/// - `tamper(scale=1)`: in `ring` what it relays goes out times -scale, in `sharded` the columns
///   that it combined for others do.
///
/// What the rank itself holds stays right. Products are rounded once to the element type. Who ends
/// up with what is in docs/attacks.md; none of it is detected (docs/threat_model.md).
///
/// @throws InvalidArgument if the attack does not act on messages
std::shared_ptr<Transport> deceiving_transport(std::shared_ptr<Transport> inner,
                                               const Attack& attack);

}  // namespace byzccl
