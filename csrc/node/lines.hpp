// SPDX-License-Identifier: MIT
// How frames and vectors move over a transport, from and to any number of threads.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <cstdint>
#include <memory>
#include <mutex>

#include "csrc/cpu/memory_pool.hpp"
#include "csrc/node/frame.hpp"
#include "csrc/node/outbox.hpp"

namespace byzccl::node {

/// Waits have no end of their own: over Gloo one that runs out of time closes the connections to
/// all ranks. abort() ends them, and the loss of the peer does.
class Lines {
 public:
  Lines(std::shared_ptr<Transport> transport, std::size_t vector_bytes);

  Transport& transport() { return *transport_; }
  /// Room for a vector, of any content. @throws std::bad_alloc
  std::shared_ptr<void> room() { return pool_->allocate(vector_bytes_); }

  // One thread for each peer and direction. @throws PeerError
  void send(int peer, const Outgoing& outgoing);
  void receive(int peer, Frame& frame);
  void receive(int peer, void* vector);

  std::int64_t bytes_sent() const { return sent_; }
  std::int64_t bytes_received() const { return received_; }

 private:
  std::unique_ptr<Work> post_send(int peer, const void* data, std::size_t bytes, Channel channel);
  void receive_bytes(int peer, void* data, std::size_t bytes, Channel channel);

  const std::shared_ptr<Transport> transport_;
  const std::shared_ptr<cpu::MemoryPool> pool_ = cpu::MemoryPool::make();
  const std::size_t vector_bytes_;
  std::mutex posting_;  // a transport takes one call at a time
  std::atomic<std::int64_t> sent_{0};
  std::atomic<std::int64_t> received_{0};
};

}  // namespace byzccl::node
