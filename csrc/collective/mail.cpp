// SPDX-License-Identifier: MIT
#include "csrc/collective/mail.hpp"

#include <algorithm>
#include <limits>

namespace byzccl::collective {

std::size_t Mail::post_send(int peer, const void* data, std::size_t bytes) {
  posted_.push_back({transport_.send(peer, data, bytes), bytes, &traffic_.sent});
  return posted_.size() - 1;
}

std::size_t Mail::post_recv(int peer, void* data, std::size_t bytes) {
  posted_.push_back({transport_.recv(peer, data, bytes), bytes, &traffic_.received});
  return posted_.size() - 1;
}

void Mail::wait(std::size_t index, Deadline deadline) {
  Posted& posted = posted_[index];
  posted.work->wait(deadline);
  *posted.counter += static_cast<std::int64_t>(posted.bytes);
  posted.work.reset();
}

void Mail::post_cut(std::span<const Outgoing> out, std::span<const Incoming> in,
                    std::size_t limit) {
  // A round posts the next message of every parcel. Receives go first, so that data can land where
  // it belongs without a copy in between.
  bool more = true;
  for (std::size_t offset = 0; more; offset += limit) {
    more = false;
    for (const Incoming& parcel : in) {
      if (offset >= parcel.bytes) continue;
      more = true;
      post_recv(parcel.peer, static_cast<std::byte*>(parcel.data) + offset,
                std::min(limit, parcel.bytes - offset));
    }
    for (const Outgoing& parcel : out) {
      if (offset >= parcel.bytes) continue;
      more = true;
      post_send(parcel.peer, static_cast<const std::byte*>(parcel.data) + offset,
                std::min(limit, parcel.bytes - offset));
    }
  }
}

std::size_t Mail::post(std::span<const Outgoing> out, std::span<const Incoming> in) {
  post_cut(out, in, options_.chunk_bytes);
  return posted_.size();
}

void Mail::wait_through(std::size_t mark) {
  for (; waited_ < mark; ++waited_) wait(waited_);
}

void Mail::exchange(std::span<const Outgoing> out, std::span<const Incoming> in) {
  wait_through(post(out, in));
  clear();
}

void Mail::exchange_uncut(std::span<const Outgoing> out, std::span<const Incoming> in) {
  post_cut(out, in, std::numeric_limits<std::ptrdiff_t>::max());
  const Deadline deadline = Clock::now() + options_.timeout;
  for (std::size_t i = 0; i < posted_.size(); ++i) wait(i, deadline);
  clear();
}

void Mail::clear() {
  posted_.clear();
  waited_ = 0;
}

}  // namespace byzccl::collective
