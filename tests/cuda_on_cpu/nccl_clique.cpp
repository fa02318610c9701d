// SPDX-License-Identifier: MIT
#include "cuda_on_cpu/nccl_clique.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "cuda_on_cpu/nccl.hpp"

namespace cuda_on_cpu {

NcclWorld& nccl_world() {
  static auto& world = *new NcclWorld;  // never destroyed: an abort may end after main
  return world;
}

Clique::Clique(int size) : size_(size), ends_(static_cast<std::size_t>(size)) {
  for (int rank = 0; rank < size; ++rank) {
    ends_[rank].random = nccl_world().seed * 1000 + static_cast<std::uint64_t>(rank);
  }
}

bool Clique::join(int rank, int device) {
  const std::lock_guard lock(mutex_);
  if (ends_[rank].joined) return false;
  ends_[rank].device = device;
  ends_[rank].joined = true;
  changed_.notify_all();
  return true;
}

bool Clique::complete() {
  const std::lock_guard lock(mutex_);
  return std::all_of(ends_.begin(), ends_.end(), [](const End& end) { return end.joined; });
}

void Clique::wait_complete() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return std::all_of(ends_.begin(), ends_.end(), [](const End& end) { return end.joined; });
  });
}

// -------------------------------------------------------------------------------------------------
// connections

void Clique::meet(int rank, const std::vector<Message>& messages) {
  const std::lock_guard lock(mutex_);
  End& end = ends_[rank];
  for (const Message& message : messages) {
    (message.sends ? end.sends_to : end.takes_from).insert(message.peer);
  }
  changed_.notify_all();
}

bool Clique::connected_locked(int rank, const std::vector<Message>& messages) const {
  return std::all_of(messages.begin(), messages.end(), [&](const Message& message) {
    const End& peer = ends_[message.peer];
    return (message.sends ? peer.takes_from : peer.sends_to).contains(rank);
  });
}

bool Clique::connected(int rank, const std::vector<Message>& messages) {
  const std::lock_guard lock(mutex_);
  return connected_locked(rank, messages);
}

void Clique::wait_connected(int rank, const std::vector<Message>& messages) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return connected_locked(rank, messages); });
}

// -------------------------------------------------------------------------------------------------
// parts

std::size_t Clique::split(int rank, int color, int key) {
  const std::lock_guard lock(mutex_);
  const std::size_t number = ends_[rank].splits++;
  if (rounds_.size() <= number) rounds_.resize(number + 1);
  Round& round = rounds_[number];
  round.called[rank] = {color, key};
  if (static_cast<int>(round.called.size()) < size_) return number;
  std::map<int, std::vector<std::pair<int, int>>> colors;  // color: key, rank
  for (const auto& [caller, asked] : round.called) {
    if (asked.first != NCCL_SPLIT_NOCOLOR) colors[asked.first].push_back({asked.second, caller});
  }
  for (auto& [_, members] : colors) {
    std::sort(members.begin(), members.end());
    const auto clique = std::make_shared<Clique>(static_cast<int>(members.size()));
    for (int i = 0; i < clique->size(); ++i) round.parts[members[i].second] = {clique, i};
  }
  changed_.notify_all();
  return number;
}

bool Clique::is_split(std::size_t round) {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(rounds_[round].called.size()) == size_;
}

void Clique::wait_split(std::size_t round) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return static_cast<int>(rounds_[round].called.size()) == size_; });
}

Clique::Part Clique::part(std::size_t round, int rank) {
  const std::lock_guard lock(mutex_);
  const auto part = rounds_[round].parts.find(rank);
  return part == rounds_[round].parts.end() ? Part{} : part->second;
}

// -------------------------------------------------------------------------------------------------
// errors and chance

ncclResult_t Clique::error(int rank) {
  const std::lock_guard lock(mutex_);
  return ends_[rank].error;
}

void Clique::fail(int rank, ncclResult_t error) {
  const std::lock_guard lock(mutex_);
  if (ends_[rank].error == ncclSuccess) ends_[rank].error = error;
}

std::uint64_t Clique::draw(int rank, std::uint64_t limit) {
  const std::lock_guard lock(mutex_);
  return draw_locked(rank, limit);
}

std::uint64_t Clique::draw_locked(int rank, std::uint64_t limit) {  // SplitMix64
  std::uint64_t z = ends_[rank].random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return (z ^ (z >> 31)) % limit;
}

/// Now and then, so that a group of many messages does not take long.
void Clique::pause(std::unique_lock<std::mutex>& lock, int rank) {
  const auto longest = static_cast<std::uint64_t>(nccl_world().longest_delay.count());
  if (longest == 0 || draw_locked(rank, 4) != 0) return;
  const auto delay = std::chrono::microseconds(draw_locked(rank, longest));
  lock.unlock();
  std::this_thread::sleep_for(delay);
  lock.lock();
}

}  // namespace cuda_on_cpu
