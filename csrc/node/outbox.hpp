// SPDX-License-Identifier: MIT
// What is to go to one other rank. No thread, no clock: whoever calls has the lock.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "csrc/node/frame.hpp"
#include "csrc/node/inbox.hpp"

namespace byzccl::node {

struct Outgoing {
  Frame frame;
  Vector vector = nullptr;  ///< null: no vector follows
};

class Outbox {
 public:
  explicit Outbox(const Shape& shape);

  /// @throws InvalidArgument unless the step comes after the last of its kind
  void check(int kind, std::int64_t step) const;
  /// Of those of its kind that have not left, the oldest goes where there are too many.
  void publish(int kind, std::int64_t step, Vector vector);
  /// What is to leave now: what this node tells, then the vector that has waited longest among
  /// those that the receiver has room for. `inbox` says what this node has let go of.
  std::optional<Outgoing> next(int to, const Inbox& inbox);
  bool has_next(int to, const Inbox& inbox) const;
  /// Nothing leaves any more.
  void close();

  // What the receiver says. A fault is what no honest node says; "": none.
  std::string give_room(int kind, std::int64_t number);
  std::string ask(std::int64_t number);
  std::string answer(std::int64_t number);

  /// The receiver is to be asked whether all that was published has arrived; is_flushed() tells.
  void flush();
  bool is_flushed() const;

 private:
  struct Unsent {
    std::int64_t step;
    std::uint64_t ticket;
    Vector vector;
  };
  struct Lane {
    std::deque<Unsent> unsent;  // at most shape_.unsent, in the order of their steps
    std::int64_t last = -1;     // step that was published
    std::int64_t sent = 0;
    std::int64_t freed = 0;  // by the receiver
    std::int64_t told = 0;   // what this node has let go of, as far as the receiver was told
  };
  int next_lane() const;
  int room_lane(int to, const Inbox& inbox) const;
  bool may_ask() const;
  bool has_unsent() const;

  const Shape shape_;
  std::vector<Lane> lanes_;  // [kind]
  bool closed_ = false;
  std::uint64_t tickets_ = 0;
  bool unconfirmed_ = false;  // vectors were published after the last question
  bool wanted_ = false;       // a question is to be asked
  std::int64_t asked_ = 0;
  std::int64_t answered_ = 0;
  std::int64_t owed_ = 0;  // the receiver's question that is to be answered; 0: none
  std::int64_t heard_ = 0;
};

}  // namespace byzccl::node
