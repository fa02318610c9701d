// SPDX-License-Identifier: MIT
// Where the ranks of a benchmark meet, be they threads or processes of one machine.

#pragma once

#include <array>
#include <byzccl/nccl.hpp>
#include <functional>
#include <memory>

namespace byzccl::bench {

inline constexpr int kMaxRanks = 256;

/// In memory that forked processes share.
class Meeting {
 public:
  /// What a rank leaves for the others; read it behind arrive().
  struct Note {
    double seconds = 0;
    double sum_seconds = 0;
    long long wrong = 0;
  };

  explicit Meeting(int ranks);
  ~Meeting();
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  /// Returns when every rank has come.
  void arrive();
  /// Of communicator 0 or 1; rank 0 sets it.
  UniqueId& id(int communicator);
  Note& note(int rank);

 private:
  struct Page;
  Page* page_;
};

/// What one rank does; 0 if all went well.
using RankFunction = std::function<int(Meeting&, int rank)>;

/// Calls fn for each rank, in a process or a thread of its own. Returns 0 if all did; otherwise
/// what the first other one returned, or 1 for an exception, which is on stderr: the rest is
/// killed. Before CUDA's first call in this process.
int run_ranks(int ranks, bool as_threads, const RankFunction& fn);

}  // namespace byzccl::bench
