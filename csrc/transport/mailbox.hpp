// SPDX-License-Identifier: MIT
// One direction between two ranks that are threads: what was sent and not yet received, or asked
// for and not yet sent.

#pragma once

#include <byzccl/transport.hpp>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

namespace byzccl::transport {

/// A receive that was asked for. The mailbox's mutex guards it.
struct Receipt {
  Channel channel = Channel::kPayload;
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  std::size_t sent_bytes = 0;  ///< of the message that came; differs from `bytes` by mistake only
  bool filled = false;
};

class Mailbox {
 public:
  /// Copies the message; false if one end has been closed.
  bool send(const void* data, std::size_t bytes, Channel channel);
  /// The next message of the channel goes to `data`, now or when it is sent.
  std::shared_ptr<Receipt> recv(void* data, std::size_t bytes, Channel channel);
  /// Returns when `receipt` is filled. A message sent before the sender closed is still delivered.
  /// @throws PeerError that names `sender`; a ProtocolError if the message has another size
  void wait(const Receipt& receipt, int sender, Deadline deadline);

  bool is_filled(const Receipt& receipt) const;
  /// Nothing will fill it any more.
  bool is_lost(const Receipt& receipt) const;

  /// The sender sends no more.
  void close_sender();
  /// The receiver takes no more; afterwards no buffer of its is touched.
  void close_receiver();

 private:
  struct Message {
    Channel channel;
    std::unique_ptr<std::byte[]> data;
    std::size_t bytes = 0;
  };
  static void fill(Receipt& receipt, const void* data, std::size_t bytes);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Message> sent_;  // of each channel, at most one of the two has any
  std::deque<std::shared_ptr<Receipt>> asked_;
  bool sender_closed_ = false;
  bool receiver_closed_ = false;
};

}  // namespace byzccl::transport
