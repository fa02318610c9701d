// SPDX-License-Identifier: MIT
#include "csrc/collective/mail.hpp"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

namespace byzccl::collective {

std::size_t Mail::post_send(int peer, const void* data, std::size_t bytes) {
  const Waits::Scope scope(waits_);
  return keep(peer, transport_.send(peer, data, bytes), bytes, traffic_.sent);
}

std::size_t Mail::post_recv(int peer, void* data, std::size_t bytes) {
  const Waits::Scope scope(waits_);
  return keep(peer, transport_.recv(peer, data, bytes), bytes, traffic_.received);
}

std::size_t Mail::keep(int peer, std::unique_ptr<Work> work, std::size_t bytes,
                       std::atomic<std::int64_t>& as) {
  posted_.push_back({peer, std::move(work), bytes, &as});
  return posted_.size() - 1;
}

void Mail::wait(std::size_t index, Deadline deadline) {
  Posted& posted = posted_[index];
  {
    const Waits::Scope scope(waits_, posted.peer);
    posted.work->wait(deadline);
  }
  *posted.counter += static_cast<std::int64_t>(posted.bytes);
  posted.work.reset();
}

void Mail::post_cut(Transport& over, Channel channel, std::span<const Outgoing> out,
                    std::span<const Incoming> in, std::size_t limit) {
  const Waits::Scope scope(waits_);
  over.start_batch();
  // A round posts the next message of every parcel. Receives go first, so that data can land where
  // it belongs without a copy in between.
  bool more = true;
  for (std::size_t offset = 0; more; offset += limit) {
    more = false;
    for (const Incoming& parcel : in) {
      if (offset >= parcel.bytes) continue;
      more = true;
      const std::size_t bytes = std::min(limit, parcel.bytes - offset);
      keep(parcel.peer,
           over.recv(parcel.peer, static_cast<std::byte*>(parcel.data) + offset, bytes, channel),
           bytes, traffic_.received);
    }
    for (const Outgoing& parcel : out) {
      if (offset >= parcel.bytes) continue;
      more = true;
      const std::size_t bytes = std::min(limit, parcel.bytes - offset);
      keep(parcel.peer,
           over.send(parcel.peer, static_cast<const std::byte*>(parcel.data) + offset, bytes,
                     channel),
           bytes, traffic_.sent);
    }
  }
  over.end_batch();
}

std::size_t Mail::post(std::span<const Outgoing> out, std::span<const Incoming> in) {
  post_cut(transport_, Channel::kPayload, out, in, options_.chunk_bytes);
  return posted_.size();
}

void Mail::wait_through(std::size_t mark) {
  for (; waited_ < mark; ++waited_) {
    if (posted_[waited_].work) wait(waited_);
  }
}

Parcels Mail::post_uncut(Channel channel, std::span<const Outgoing> out,
                         std::span<const Incoming> in) {
  const std::size_t first = posted_.size();
  post_cut(transport_.control(), channel, out, in, std::numeric_limits<std::ptrdiff_t>::max());
  return {first, first + in.size(), posted_.size()};
}

Parcels Mail::post_early(Channel channel, std::span<const Incoming> in) {
  const Parcels parcels = post_uncut(channel, {}, in);
  for (std::size_t i = parcels.first; i < parcels.end; ++i) posted_[i].due = false;
  return parcels;
}

void Mail::are_due(Parcels parcels) {
  for (std::size_t i = parcels.first; i < parcels.end; ++i) posted_[i].due = true;
}

void Mail::wait_received(Parcels parcels, Deadline deadline) {
  for (std::size_t i = parcels.first; i < parcels.sends; ++i) wait(i, deadline);
}

void Mail::wait_sent(Parcels parcels, Deadline deadline) {
  for (std::size_t i = parcels.sends; i < parcels.end; ++i) wait(i, deadline);
}

std::vector<int> Mail::missing() {
  std::set<int> peers;
  for (const Posted& posted : posted_) {
    if (posted.work && posted.due && !posted.work->is_done()) peers.insert(posted.peer);
  }
  return {peers.begin(), peers.end()};
}

std::vector<int> Mail::lost() {
  std::set<int> peers;
  for (const Posted& posted : posted_) {
    if (posted.work && posted.work->is_lost()) peers.insert(posted.peer);
  }
  return {peers.begin(), peers.end()};
}

void Mail::clear() {
  posted_.clear();
  waited_ = 0;
}

}  // namespace byzccl::collective
