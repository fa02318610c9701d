// SPDX-License-Identifier: MIT
// Before any payload moves, every rank learns what every other is about to do.

#pragma once

#include <cstdint>
#include <exception>
#include <vector>

#include "csrc/collective/echoes.hpp"
#include "csrc/collective/header.hpp"
#include "csrc/collective/mail.hpp"

namespace byzccl::collective {

struct Agreement {
  std::int64_t next_step = 0;  ///< of the exchange after this one, the same on every rank
  std::exception_ptr error;    ///< null if all ranks are about to do the same
  bool last = false;           ///< on every rank the finish follows this add at once
};

/// Sends `headers[rank]` to every peer, reads theirs into the rest, and echoes them.
///
/// If they differ, `error` is a MismatchError that lists who sent what: the same on every rank. If
/// they are equal and all refuse, `error` is the caller's own `refusal`. No payload must follow.
/// Otherwise payload may be posted, but echoes.settle() comes before anything of it is used.
///
/// @param headers  [n]; must outlive the mail if this throws, and stay as it is until settle()
/// @throws PeerError  a peer is late, gone, or sent something that is no header; with an `error`
/// also what settle() throws
Agreement agree(Mail& mail, Echoes& echoes, std::vector<Header>& headers,
                std::exception_ptr refusal);

}  // namespace byzccl::collective
