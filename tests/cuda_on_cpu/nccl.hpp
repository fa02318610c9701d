// SPDX-License-Identifier: MIT
// What the NCCL double adds to nccl.h, and where it is stricter than NCCL.
//
// - A send is done when its receive has taken the data, however small: NCCL may buffer it.
// - The messages of a group start together and end together. Everything else on the stream waits.
// - The first group in which two ranks meet ends only when both are in it: connections are made
// then.
// - A non-blocking communicator is in progress until it has been polled often enough: what was
//   enqueued is not on the stream before, so an event recorded too early misses it.
// - Sizes that disagree, a communicator used while in progress, after it was finalized, or on a
//   second stream: a line on stderr and an error, where NCCL may hang or go on.
// - A message between two devices fails unless each can reach the other's memory: NCCL among the
//   threads of a process reads and writes it in place.
// - A communicator is one thread's at a time; its state is plain, so TSan finds who breaks that.

#pragma once

#include <chrono>
#include <cstdint>

namespace cuda_on_cpu {

struct NcclWorld {
  std::uint64_t seed = 1;                        ///< of delays, polls, and the order of arrival
  std::chrono::microseconds longest_delay{100};  ///< before a group starts, and before a copy
  /// An abort becomes ncclRemoteError at the other ranks. Without, they wait: NCCL does either.
  bool tells_peers = false;
  int fails_at_launch = 0;  ///< the k-th group from now, over all ranks, fails to launch; 0: none
};

/// Set while there is no communicator.
NcclWorld& nccl_world();

/// From now on an abort hangs before it ends anything, as it may while another kernel holds the
/// device; false lets go those that do. Any thread.
void hang_aborts(bool hang);

/// Leaves the world as it should be.
struct WorldScope {
  WorldScope() = default;
  ~WorldScope() {
    hang_aborts(false);
    nccl_world() = {};
  }
  WorldScope(const WorldScope&) = delete;
  WorldScope& operator=(const WorldScope&) = delete;
};

/// Communicators that were neither destroyed nor aborted.
int nccl_communicators();

}  // namespace cuda_on_cpu
