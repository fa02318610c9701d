// SPDX-License-Identifier: MIT
// Before any payload moves, every rank learns what every other is about to do.

#pragma once

#include <cstdint>
#include <exception>
#include <vector>

#include "csrc/collective/header.hpp"
#include "csrc/collective/mail.hpp"

namespace byzccl::collective {

struct Agreement {
  std::int64_t next_step = 0;  ///< of the exchange after this one, the same on every rank
  std::exception_ptr error;    ///< null if all ranks are about to do the same
  bool last = false;           ///< on every rank the finish follows this add at once
};

/// Sends `headers[rank]` to every peer and reads theirs into the rest.
///
/// If they differ, `error` is a MismatchError that lists who sent what: the same on every rank. If
/// they are equal and all refuse, `error` is the caller's own `refusal`. No payload must follow.
///
/// @param headers  [n]; must outlive the mail if this throws
/// @throws PeerError  a peer is late, gone, or sent something that is no header
Agreement agree(Mail& mail, std::vector<Header>& headers, std::exception_ptr refusal);

}  // namespace byzccl::collective
