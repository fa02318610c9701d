// SPDX-License-Identifier: MIT
#include "csrc/node/state.hpp"

#include <algorithm>
#include <utility>

namespace byzccl::node {

State::State(int rank, int size, const Shape& shape)
    : rank_(rank),
      size_(size),
      shape_(shape),
      inbox_(rank, size, shape),
      outboxes_(static_cast<std::size_t>(size), Outbox(shape)) {}

void State::check(int kind, std::int64_t step, const std::vector<int>& to) const {
  BYZCCL_CHECK(kind >= 0 && kind < shape_.kinds, "kinds are 0 to ", shape_.kinds - 1, ", got ",
               kind);
  BYZCCL_CHECK(step >= 0, "step must not be negative, got ", step);
  std::vector<int> ranks = to;
  std::sort(ranks.begin(), ranks.end());
  for (std::size_t at = 0; at < ranks.size(); ++at) {
    const int rank = ranks[at];
    BYZCCL_CHECK(rank >= 0 && rank < size_ && rank != rank_, "rank ", rank_, " of ", size_,
                 " publishes to other ranks, got ", rank);
    BYZCCL_CHECK(at == 0 || rank != ranks[at - 1], "rank ", rank, " is among the receivers twice");
    outboxes_[rank].check(kind, step);
  }
}

void State::publish(int kind, std::int64_t step, const Vector& vector, const std::vector<int>& to) {
  check(kind, step, to);
  for (const int rank : to) outboxes_[rank].publish(kind, step, vector);
}

Incoming State::header(int from, const Frame& frame) {
  Incoming incoming;
  incoming.fault = find_fault(frame, shape_);
  if (!incoming.fault.empty()) return incoming;
  Outbox& outbox = outboxes_[from];
  switch (frame.what) {
    case What::kVector:
      incoming.fate = inbox_.announce(from, frame.kind, frame.step);
      incoming.vector_follows = incoming.fate != Fate::kNoRoom;
      if (!incoming.vector_follows) {
        incoming.fault = concat("it sent more than the ", shape_.kept,
                                " vectors of a kind that may wait, or replayed as many");
      }
      break;
    case What::kRoom:
      incoming.fault = outbox.give_room(frame.kind, frame.number);
      break;
    case What::kAsk:
      incoming.fault = outbox.ask(frame.number);
      break;
    case What::kAnswer:
      incoming.fault = outbox.answer(frame.number);
      break;
  }
  return incoming;
}

void State::arrive(int from, const Frame& frame, Fate fate, Vector vector) {
  inbox_.arrive(from, frame.kind, frame.step, fate, std::move(vector));
}

void State::lose(int peer, const std::string& why) {
  inbox_.lose(peer, why);
  outboxes_[peer].close();
}

void State::flush() {
  for (int peer = 0; peer < size_; ++peer) {
    if (peer != rank_) outboxes_[peer].flush();
  }
}

bool State::is_flushed() const {
  for (int peer = 0; peer < size_; ++peer) {
    if (peer != rank_ && !outboxes_[peer].is_flushed()) return false;
  }
  return true;
}

}  // namespace byzccl::node
