// SPDX-License-Identifier: MIT
// How a communicator that is given up ends.

#pragma once

#include <byzccl/transport.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "csrc/cuda/stream_pair.hpp"
#include "csrc/transport/nccl/result.hpp"

namespace byzccl::nccl {

/// Aborts a communicator and waits for its streams, on a thread of its own: ncclCommAbort() blocks,
/// also where the communicator does not, for as long as a kernel of another one holds the device
/// up, and so does the wait. Whoever gives up waits for that only so long. The thread goes on;
/// streams and what keep() was given stay with it until nothing touches them any more, for good if
/// the device never lets go.
class Ending : public std::enable_shared_from_this<Ending> {
 public:
  Ending(std::shared_ptr<cuda::StreamPair> streams, std::chrono::milliseconds patience)
      : streams_(std::move(streams)), patience_(patience) {}

  /// `memory` may be touched by what is on the streams. Before begin().
  void keep(std::shared_ptr<void> memory) { kept_.push_back(std::move(memory)); }
  /// Once. Nobody may be inside a call with `comm`, nor use it again.
  void begin(ncclComm_t comm) noexcept;
  /// Returns when it is over, or when the patience since begin() has passed. Any thread.
  void wait() noexcept;
  /// The device has let go of every buffer. Any thread.
  bool over() const noexcept;

 private:
  void end(ncclComm_t comm) noexcept;

  const std::shared_ptr<cuda::StreamPair> streams_;
  const std::chrono::milliseconds patience_;
  std::vector<std::shared_ptr<void>> kept_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Deadline deadline_{};
  bool over_ = false;
};

}  // namespace byzccl::nccl
