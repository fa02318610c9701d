// SPDX-License-Identifier: MIT
// What has come from the other ranks and was not collected yet. No thread, no clock: whoever calls
// has the lock.

#pragma once

#include <byzccl/node.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "csrc/node/frame.hpp"

namespace byzccl::node {

using Vector = std::shared_ptr<const void>;

/// What is to become of a vector whose header has come.
enum class Fate : std::uint8_t {
  kKeep,
  kLate,      ///< its step was collected, or a later one asked for
  kReplayed,  ///< no later step than the last of its kind: no honest node sends that
  kNoRoom,    ///< there are `kept` before it: no honest node sends that either
};

class Inbox {
 public:
  Inbox(int rank, int size, const Shape& shape);

  /// @throws InvalidArgument
  void check(const Quorum& quorum) const;

  /// A header has come. Unless there is no room, the vector follows, and arrive() is next.
  Fate announce(int from, int kind, std::int64_t step);
  /// The vector of the last header of that rank is here; null where it is not to be kept.
  void arrive(int from, int kind, std::int64_t step, Fate fate, Vector vector);
  /// Nothing comes from that rank any more. What has come stays.
  void lose(int from, const std::string& why);

  /// Vectors of that rank and kind that this node has let go of. A replayed one takes its room
  /// along: so a rank that replays runs out of it.
  std::int64_t freed(int from, int kind) const { return lane(from, kind).freed; }

  /// Steps before the quorum's are not wanted from its sources any more. So a sender has room for
  /// what is wanted.
  void begin(const Quorum& quorum);
  /// The quorum's vectors, if they are there. Then its step is not wanted any more, either.
  std::optional<Collected> take(const Quorum& quorum);
  bool has(const Quorum& quorum) const;
  /// Whether it may still come, and the others have not gone on without this node.
  bool can_come(const Quorum& quorum) const;
  QuorumError failure(const Quorum& quorum, bool timed_out) const;

  const std::vector<PeerAccount>& accounts() const { return accounts_; }

 private:
  struct Letter {
    std::int64_t step;
    std::uint64_t ticket;  ///< in the order of arrival, over all ranks
    Vector vector;         ///< null once taken
  };
  /// What comes from one rank of one kind, in the order of its steps.
  struct Lane {
    std::deque<Letter> letters;  // at most `kept`
    std::int64_t newest = -1;    // step of the last header
    std::int64_t floor = -1;     // steps up to here are not wanted any more
    std::int64_t freed = 0;
    int held = 0;  // of the room: letters, what is on its way, and what was replayed
  };
  enum class Standing : std::uint8_t { kHere, kMissing, kPassed, kGone };

  Lane& lane(int from, int kind) { return lanes_[from * shape_.kinds + kind]; }
  const Lane& lane(int from, int kind) const { return lanes_[from * shape_.kinds + kind]; }
  /// Without this rank, ascending.
  std::vector<int> sources(const Quorum& quorum) const;
  static int needed(const Quorum& quorum) { return quorum.q - (quorum.own ? 1 : 0); }
  const Letter* find(int from, const Quorum& quorum) const;
  Letter* find(int from, const Quorum& quorum) {
    return const_cast<Letter*>(std::as_const(*this).find(from, quorum));
  }
  Standing standing(int from, const Quorum& quorum) const;
  /// As many as are needed have reached a later step. Those who are missing may never come, and a
  /// quorum need not be waited for that does not wait for this node.
  bool has_gone_on(const Quorum& quorum) const;
  std::int64_t next_step(const Quorum& quorum) const;
  std::string describe(int from, const Quorum& quorum) const;
  void raise_floor(int from, int kind, std::int64_t step);

  const int rank_;
  const int size_;
  const Shape shape_;
  std::vector<Lane> lanes_;  // [rank, kind]
  std::vector<PeerAccount> accounts_;
  std::uint64_t tickets_ = 0;
};

}  // namespace byzccl::node
