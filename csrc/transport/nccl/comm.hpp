// SPDX-License-Identifier: MIT
// The owner of an NCCL communicator, which never blocks its caller beyond a deadline.

#pragma once

#include <byzccl/transport.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

#include "csrc/transport/nccl/ending.hpp"
#include "csrc/transport/nccl/result.hpp"

namespace byzccl::nccl {

/// One ncclSend or ncclRecv.
struct Message {
  bool sends = false;
  int peer = 0;
  void* data = nullptr;
  std::size_t bytes = 0;
};

/// One thread at a time, but abort() may come from any: NCCL frees the communicator then, so no
/// call may be inside it.
class Comm {
 public:
  /// Ranks 0 to size - 1 join under the same id, each on its current device. `ending` is how it
  /// ends if it is given up.
  /// @throws NcclError, or PeerError if not all have joined by the deadline
  Comm(const ncclUniqueId& id, int rank, int size, std::shared_ptr<Ending> ending,
       Deadline deadline);
  /// The same ranks as `parent`, in the order of `rank`; `parent` must be idle.
  Comm(ncclComm_t parent, int rank, std::shared_ptr<Ending> ending, Deadline deadline);
  /// Ends what was enqueued, if the peers play their parts before long; gives it up if not.
  ~Comm();
  Comm(const Comm&) = delete;
  Comm& operator=(const Comm&) = delete;

  /// Puts the messages on the stream as one group; they start together.
  /// @throws NcclError, or PeerError if a peer is not reached by the deadline
  void launch(std::span<const Message> messages, cudaStream_t stream, Deadline deadline);
  /// launch() calls it while it waits for peers; what it throws ends the wait.
  void interrupt_by(std::function<void()> check) { interrupt_ = std::move(check); }
  /// @throws PeerError after abort(), or for an error that NCCL met meanwhile
  void poll();
  /// Ends all operations, here and on the streams. Returns when NCCL and the steps behind it have
  /// let go of every buffer, or when the patience of the ending has passed.
  void abort() noexcept;
  /// After abort(): whether they have.
  bool let_go() const noexcept { return ending_->over(); }

 private:
  ncclResult_t state();
  void settle(const char* call, int peer, Deadline deadline);
  bool finalize() noexcept;

  const std::shared_ptr<Ending> ending_;
  std::mutex mutex_;
  ncclComm_t comm_ = nullptr;  // null: aborted
  std::function<void()> interrupt_;
};

}  // namespace byzccl::nccl
