// SPDX-License-Identifier: MIT
// The ranks of one communicator of the NCCL double: who is there, and how their messages meet.

#pragma once

#include <nccl.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

namespace cuda_on_cpu {

/// One ncclSend or ncclRecv.
struct Message {
  bool sends = false;
  int peer = 0;
  void* data = nullptr;
  std::size_t bytes = 0;
};

class Clique {
 public:
  explicit Clique(int size);

  int size() const { return size_; }

  /// False if the rank is taken.
  bool join(int rank, int device);
  bool complete();
  void wait_complete();

  /// The rank has a group with these messages: its half of the connections.
  void meet(int rank, const std::vector<Message>& messages);
  /// Whether the peers of all messages have met the rank in theirs.
  bool connected(int rank, const std::vector<Message>& messages);
  void wait_connected(int rank, const std::vector<Message>& messages);

  /// Moves the messages of one group, on the thread of the rank's stream.
  /// @throws std::runtime_error if sizes disagree
  void move(int rank, const std::vector<Message>& messages);

  /// Ends what the rank moves, now and later. Returns when no buffer of its is touched any more.
  void abort(int rank);
  ncclResult_t error(int rank);
  void fail(int rank, ncclResult_t error);

  /// The part of this clique that ranks with the same color make, ordered by key and rank; the
  /// rank's k-th call meets the k-th calls of the others. Null until all have called.
  struct Part {
    std::shared_ptr<Clique> clique;
    int rank = 0;
  };
  std::size_t split(int rank, int color, int key);
  bool is_split(std::size_t round);
  void wait_split(std::size_t round);
  Part part(std::size_t round, int rank);

  /// Below `limit`, drawn from the seed for one rank: the same in every run.
  std::uint64_t draw(int rank, std::uint64_t limit);

 private:
  struct Place;
  using Lane = std::pair<int, int>;  // from, to
  struct Round {
    std::map<int, std::pair<int, int>> called;  // rank: color, key
    std::map<int, Part> parts;
  };
  struct End {
    bool joined = false;
    int device = 0;
    bool aborted = false;
    int moving = 0;  // groups under way
    ncclResult_t error = ncclSuccess;
    std::uint64_t random = 0;
    std::size_t splits = 0;
    std::set<int> sends_to, takes_from;  // peers met
  };

  std::uint64_t draw_locked(int rank, std::uint64_t limit);
  bool connected_locked(int rank, const std::vector<Message>& messages) const;
  void pause(std::unique_lock<std::mutex>& lock, int rank);
  void post(int rank, std::vector<Place>& places);
  void withdraw(int rank, std::vector<Place>& places);
  Place* find_arrival(int rank, std::vector<Place>& places);
  void take(std::unique_lock<std::mutex>& lock, int rank, Place& place);
  bool can_move(const Place& from, int sender, const Place& to, int receiver);

  const int size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<End> ends_;
  std::map<Lane, std::deque<Place*>> sends_, takes_;  // posted and not yet matched
  std::deque<Round> rounds_;
};

}  // namespace cuda_on_cpu
