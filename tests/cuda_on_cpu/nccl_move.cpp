// SPDX-License-Identifier: MIT
// How the messages of a group move: all are posted at once, the receiver of each copies it, and the
// stream goes on when the last is done.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cuda_on_cpu/nccl.hpp"
#include "cuda_on_cpu/nccl_clique.hpp"
#include "cuda_on_cpu/runtime.hpp"

namespace cuda_on_cpu {

/// A posted message. The clique's mutex guards it, but for the bytes while it is `busy`.
struct Clique::Place {
  Message message;
  bool busy = false;  // being copied
  bool done = false;
  bool failed = false;
};

void Clique::move(int rank, const std::vector<Message>& messages) {
  std::vector<Place> places;
  for (const Message& message : messages) places.push_back({message});
  std::unique_lock lock(mutex_);
  End& end = ends_[rank];
  ++end.moving;
  pause(lock, rank);
  post(rank, places);
  const auto idle = [&] {
    return std::none_of(places.begin(), places.end(), [](const Place& p) { return p.busy; });
  };
  const auto done = [&] {
    return std::all_of(places.begin(), places.end(), [](const Place& p) { return p.done; });
  };
  while (!end.aborted && !done()) {
    if (Place* const place = find_arrival(rank, places)) {
      take(lock, rank, *place);
    } else {
      changed_.wait(lock);
    }
  }
  withdraw(rank, places);
  changed_.wait(lock, idle);
  --end.moving;
  changed_.notify_all();
  const bool failed =
      std::any_of(places.begin(), places.end(), [](const Place& p) { return p.failed; });
  lock.unlock();
  if (failed) throw std::runtime_error("NCCL: a send and its receive do not go together");
}

void Clique::post(int rank, std::vector<Place>& places) {
  for (Place& place : places) {
    const int peer = place.message.peer;
    if (place.message.sends) {
      sends_[{rank, peer}].push_back(&place);
    } else {
      takes_[{peer, rank}].push_back(&place);
    }
  }
  changed_.notify_all();
}

void Clique::withdraw(int rank, std::vector<Place>& places) {
  for (Place& place : places) {
    const int peer = place.message.peer;
    auto& lane = place.message.sends ? sends_[{rank, peer}] : takes_[{peer, rank}];
    std::erase(lane, &place);
  }
}

/// One of the receives whose send is there and which are next in their lane, by chance.
Clique::Place* Clique::find_arrival(int rank, std::vector<Place>& places) {
  const std::size_t count = places.size();
  const std::size_t first = draw_locked(rank, count);
  for (std::size_t i = 0; i < count; ++i) {
    Place& place = places[(first + i) % count];
    if (place.message.sends || place.done) continue;
    const Lane lane{place.message.peer, rank};
    if (!sends_[lane].empty() && takes_[lane].front() == &place) return &place;
  }
  return nullptr;
}

void Clique::take(std::unique_lock<std::mutex>& lock, int rank, Place& place) {
  const int peer = place.message.peer;
  Place& from = *sends_[{peer, rank}].front();
  sends_[{peer, rank}].pop_front();
  takes_[{peer, rank}].pop_front();
  from.busy = place.busy = true;
  if (can_move(from, peer, place, rank)) {
    pause(lock, rank);
    lock.unlock();
    if (place.message.bytes > 0) {
      std::memcpy(place.message.data, from.message.data, place.message.bytes);
    }
    lock.lock();
  } else {
    ends_[rank].error = ends_[peer].error = ncclInternalError;
    from.failed = place.failed = true;
  }
  from.busy = place.busy = false;
  from.done = place.done = true;
  changed_.notify_all();
}

bool Clique::can_move(const Place& from, int sender, const Place& to, int receiver) {
  if (from.message.bytes != to.message.bytes) {
    std::fprintf(stderr, "cuda_on_cpu: NCCL: rank %d sends %zu bytes, rank %d takes %zu\n", sender,
                 from.message.bytes, receiver, to.message.bytes);
    return false;
  }
  if (!machine().peers_reach) return true;  // NCCL copies through the host
  const bool reached = reaches(ends_[receiver].device, from.message.data) &&
                       reaches(ends_[sender].device, to.message.data);
  if (!reached) {
    std::fprintf(stderr, "cuda_on_cpu: NCCL: memory of rank %d or %d is closed to the other\n",
                 sender, receiver);
  }
  return reached;
}

void Clique::abort(int rank) {
  std::unique_lock lock(mutex_);
  ends_[rank].aborted = true;
  for (int peer = 0; nccl_world().tells_peers && peer < size_; ++peer) {
    if (peer != rank && ends_[peer].error == ncclSuccess) ends_[peer].error = ncclRemoteError;
  }
  changed_.notify_all();
  changed_.wait(lock, [&] { return ends_[rank].moving == 0; });
}

}  // namespace cuda_on_cpu
