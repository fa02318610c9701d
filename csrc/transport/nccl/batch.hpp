// SPDX-License-Identifier: MIT
// Messages that start together, as one NCCL group on the stream for messages.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "csrc/cuda/stream_pair.hpp"
#include "csrc/transport/nccl/comm.hpp"

namespace byzccl::nccl {

/// What the parts of one rank's transport share. The streams outlive the communicator.
struct Link {
  std::shared_ptr<cuda::StreamPair> streams;
  std::shared_ptr<Ending> ending;     ///< of the communicator and the streams
  std::chrono::milliseconds timeout;  ///< for connections, which are made at the first message
  std::unique_ptr<Comm> comm;
};

/// A copy to the host when a message has landed.
struct HostCopy {
  void* host = nullptr;
  const void* device = nullptr;
  std::size_t bytes = 0;
};

struct Batch {
  std::vector<Message> messages;
  std::vector<HostCopy> host_copies;
  bool launched = false;
  bool held = false;  ///< the steps' stream comes after it
  cuda::Event done;   ///< behind all of it; recorded once it is launched
};

class Batches {
 public:
  explicit Batches(std::shared_ptr<Link> link) : link_(std::move(link)) {}

  /// Until end() nothing moves. @throws InvalidArgument inside a batch
  void start();
  /// @throws NcclError, PeerError, InvalidArgument outside a batch
  void end();
  /// A message of the open batch, or a batch of its own. `host_copy` may be empty.
  std::shared_ptr<Batch> add(const Message& message, const HostCopy& host_copy = {});

 private:
  void launch(Batch& batch);

  const std::shared_ptr<Link> link_;
  std::shared_ptr<Batch> open_;
};

}  // namespace byzccl::nccl
