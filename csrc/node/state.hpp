// SPDX-License-Identifier: MIT
// All that a node knows: what has come and what is to go. No thread, no clock, no transport, so a
// test may drive the state of many nodes through any schedule.

#pragma once

#include <byzccl/node.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "csrc/node/frame.hpp"
#include "csrc/node/inbox.hpp"
#include "csrc/node/outbox.hpp"

namespace byzccl::node {

/// What a header asks of who received it.
struct Incoming {
  std::string fault = {};  ///< no honest node sends it: the rank is to be cut off
  bool vector_follows = false;
  Fate fate = Fate::kKeep;
};

class State {
 public:
  State(int rank, int size, const Shape& shape);

  const Shape& shape() const { return shape_; }
  int rank() const { return rank_; }
  int size() const { return size_; }
  Inbox& inbox() { return inbox_; }
  const Inbox& inbox() const { return inbox_; }
  bool is_gone(int peer) const { return inbox_.accounts()[peer].gone; }

  /// @throws InvalidArgument as Node::publish
  void check(int kind, std::int64_t step, const std::vector<int>& to) const;
  /// After check(), whose words it repeats.
  void publish(int kind, std::int64_t step, const Vector& vector, const std::vector<int>& to);

  bool has_next(int peer) const { return outboxes_[peer].has_next(peer, inbox_); }
  std::optional<Outgoing> next(int peer) { return outboxes_[peer].next(peer, inbox_); }

  Incoming header(int from, const Frame& frame);
  /// The vector that follows a header without a fault; null where it is not to be kept.
  void arrive(int from, const Frame& frame, Fate fate, Vector vector);
  /// Nothing goes to that rank any more; what it has sent may still come.
  void close_outbox(int peer) { outboxes_[peer].close(); }
  /// Nothing comes from that rank, or goes to it, any more.
  void lose(int peer, const std::string& why);

  void flush();
  bool is_flushed() const;

 private:
  const int rank_;
  const int size_;
  const Shape shape_;
  Inbox inbox_;
  std::vector<Outbox> outboxes_;  // [rank]
};

}  // namespace byzccl::node
