// SPDX-License-Identifier: MIT
// After the headers every rank tells every other which headers it got. A rank that tells some
// ranks one thing and others another is found before anything that follows from it is used.

#pragma once

#include <byzccl/transport.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "csrc/collective/header.hpp"
#include "csrc/collective/mail.hpp"

namespace byzccl::collective {

/// Two ranks say different things about what a third, or one of them, sent. At least one of
/// `suspects` lies, and they are two at least.
class ContradictionError : public PeerError {
 public:
  ContradictionError(std::vector<int> suspects, const std::string& what)
      : PeerError(kAny, false, what), suspects_(std::move(suspects)) {}
  const std::vector<int>& suspects() const noexcept { return suspects_; }

 private:
  std::vector<int> suspects_;
};

/// An echo is a byte for each rank: 1 if the header that came from it is another than the echoing
/// rank's own, but for the rank in it. Who has a 1 in its echo sends all headers behind it, its
/// account. So an echo of zeros says as much as n headers do.
///
/// Of one rank and its communicator. After a PeerError it must stay until the transport has been
/// aborted.
class Echoes {
 public:
  explicit Echoes(Mail& mail);

  /// Posts what receives the next echoes: where nothing waits for a message that comes later, this
  /// before the headers saves each echo a way to its sender and back. Otherwise post() does it.
  void expect();
  /// Echoes `headers` [n], which must stay as they are until settle().
  void post(const std::vector<Header>& headers);
  /// Whether some header is another than the own one. After post().
  bool differ() const { return differ_; }

  /// Waits for the echoes of all ranks, for all together as long as for one message; nothing if
  /// that was done. What was posted in the meantime travels on.
  /// @throws ProtocolError  a rank contradicts itself, or passes on what no honest rank does
  /// @throws ContradictionError  ranks contradict each other. This one may be among them: what it
  /// meant to send need not be what went out
  /// @throws PeerError
  void settle();

 private:
  std::vector<Incoming> incoming();
  Parcels post_accounts();
  void check() const;
  void check_account(int rank) const;
  bool has_account(int rank) const;
  Header claim(int by, int about) const;

  Mail& mail_;
  const std::vector<Header>* headers_ = nullptr;  // null: settled
  bool differ_ = false;
  bool expects_ = false;
  Parcels arriving_;
  Parcels leaving_;
  Deadline deadline_;
  std::vector<std::uint8_t> own_;     // [n]
  std::vector<std::uint8_t> echoes_;  // [n, n] by who sent them
  std::vector<Header> accounts_;      // [n, n] likewise, of those ranks that have one
};

}  // namespace byzccl::collective
