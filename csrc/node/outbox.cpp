// SPDX-License-Identifier: MIT
#include "csrc/node/outbox.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <utility>

namespace byzccl::node {

Outbox::Outbox(const Shape& shape) : shape_(shape), lanes_(static_cast<std::size_t>(shape.kinds)) {}

void Outbox::check(int kind, std::int64_t step) const {
  const std::int64_t last = lanes_[kind].last;
  BYZCCL_CHECK(step > last, "steps rise: kind ", kind, " was published with step ", last,
               " before, got ", step);
}

void Outbox::publish(int kind, std::int64_t step, Vector vector) {
  if (closed_) return;
  Lane& lane = lanes_[kind];
  lane.last = step;
  unconfirmed_ = true;
  std::uint64_t ticket = tickets_++;
  if (static_cast<int>(lane.unsent.size()) == shape_.unsent) {
    // Its place in the queue stays the kind's, or it would never be its turn.
    ticket = lane.unsent.front().ticket;
    lane.unsent.pop_front();
    if (!lane.unsent.empty()) {
      lane.unsent.front().ticket = ticket;
      ticket = tickets_ - 1;
    }
  }
  lane.unsent.push_back({step, ticket, std::move(vector)});
}

/// The kind whose vector is to leave; -1: none.
int Outbox::next_lane() const {
  int best = -1;
  for (int kind = 0; kind < shape_.kinds; ++kind) {
    const Lane& lane = lanes_[kind];
    if (lane.unsent.empty() || lane.sent - lane.freed >= shape_.kept) continue;
    if (best < 0 || lane.unsent.front().ticket < lanes_[best].unsent.front().ticket) best = kind;
  }
  return best;
}

/// The kind of which the receiver is to be told that there is room; -1: none.
int Outbox::room_lane(int to, const Inbox& inbox) const {
  for (int kind = 0; kind < shape_.kinds; ++kind) {
    if (inbox.freed(to, kind) > lanes_[kind].told) return kind;
  }
  return -1;
}

bool Outbox::has_unsent() const {
  return std::any_of(lanes_.begin(), lanes_.end(),
                     [](const Lane& lane) { return !lane.unsent.empty(); });
}

/// One question at a time.
bool Outbox::may_ask() const { return wanted_ && asked_ == answered_ && !has_unsent(); }

bool Outbox::has_next(int to, const Inbox& inbox) const {
  if (closed_) return false;
  return owed_ != 0 || room_lane(to, inbox) >= 0 || next_lane() >= 0 || may_ask();
}

std::optional<Outgoing> Outbox::next(int to, const Inbox& inbox) {
  if (closed_) return std::nullopt;
  if (owed_ != 0) return Outgoing{ask_frame(shape_, What::kAnswer, std::exchange(owed_, 0))};
  if (const int kind = room_lane(to, inbox); kind >= 0) {
    lanes_[kind].told = inbox.freed(to, kind);
    return Outgoing{room_frame(shape_, kind, lanes_[kind].told)};
  }
  if (const int kind = next_lane(); kind >= 0) {
    Lane& lane = lanes_[kind];
    ++lane.sent;
    Unsent& first = lane.unsent.front();
    Outgoing outgoing{vector_frame(shape_, kind, first.step), std::move(first.vector)};
    lane.unsent.pop_front();
    return outgoing;
  }
  if (may_ask()) {
    wanted_ = false;
    unconfirmed_ = false;
    return Outgoing{ask_frame(shape_, What::kAsk, ++asked_)};
  }
  return std::nullopt;
}

void Outbox::close() {
  closed_ = true;
  for (Lane& lane : lanes_) lane.unsent.clear();
}

std::string Outbox::give_room(int kind, std::int64_t number) {
  Lane& lane = lanes_[kind];
  if (number <= lane.freed || number > lane.sent) {
    return concat("it says that it has let go of ", number, " vectors of kind ", kind, ", after ",
                  lane.freed, ", and got ", lane.sent);
  }
  lane.freed = number;
  return "";
}

std::string Outbox::ask(std::int64_t number) {
  if (owed_ != 0 || number != heard_ + 1) return "it asks twice, or out of turn, what has arrived";
  heard_ = number;
  owed_ = number;
  return "";
}

std::string Outbox::answer(std::int64_t number) {
  if (asked_ == answered_ || number != asked_) return "it answers what it was not asked";
  answered_ = number;
  return "";
}

void Outbox::flush() { wanted_ = wanted_ || unconfirmed_; }

bool Outbox::is_flushed() const {
  return closed_ || (!has_unsent() && !wanted_ && asked_ == answered_);
}

}  // namespace byzccl::node
