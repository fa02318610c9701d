// SPDX-License-Identifier: MIT
#include "csrc/transport/mailbox.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace byzccl::transport {

void Mailbox::fill(Receipt& receipt, const void* data, std::size_t bytes) {
  if (bytes == receipt.bytes) std::memcpy(receipt.data, data, bytes);
  receipt.sent_bytes = bytes;
  receipt.filled = true;
}

bool Mailbox::send(const void* data, std::size_t bytes, Channel channel) {
  const std::lock_guard lock(mutex_);
  if (sender_closed_ || receiver_closed_) return false;
  const auto asked = std::find_if(asked_.begin(), asked_.end(),
                                  [&](const auto& receipt) { return receipt->channel == channel; });
  if (asked == asked_.end()) {
    Message message{channel, std::make_unique_for_overwrite<std::byte[]>(bytes), bytes};
    std::memcpy(message.data.get(), data, bytes);
    sent_.push_back(std::move(message));
  } else {
    fill(**asked, data, bytes);
    asked_.erase(asked);
    changed_.notify_all();
  }
  return true;
}

std::shared_ptr<Receipt> Mailbox::recv(void* data, std::size_t bytes, Channel channel) {
  auto receipt = std::make_shared<Receipt>(channel, static_cast<std::byte*>(data), bytes);
  const std::lock_guard lock(mutex_);
  if (receiver_closed_) return receipt;
  const auto sent = std::find_if(sent_.begin(), sent_.end(), [&](const Message& message) {
    return message.channel == channel;
  });
  if (sent == sent_.end()) {
    asked_.push_back(receipt);
  } else {
    fill(*receipt, sent->data.get(), sent->bytes);
    sent_.erase(sent);
  }
  return receipt;
}

void Mailbox::wait(const Receipt& receipt, int sender, Deadline deadline) {
  std::unique_lock lock(mutex_);
  const bool settled = changed_.wait_until(
      lock, deadline, [&] { return receipt.filled || sender_closed_ || receiver_closed_; });
  if (receiver_closed_) throw PeerError(sender, false, "the transport was aborted");
  if (receipt.filled) {
    if (receipt.sent_bytes == receipt.bytes) return;
    throw ProtocolError(sender, concat("it sent a message of ", receipt.sent_bytes, " bytes where ",
                                       receipt.bytes, " were expected"));
  }
  if (settled) throw PeerError(sender, false, concat("rank ", sender, " closed the connection"));
  throw PeerError(sender, true, concat("rank ", sender, " did not send in time"));
}

bool Mailbox::is_filled(const Receipt& receipt) const {
  const std::lock_guard lock(mutex_);
  return receipt.filled && receipt.sent_bytes == receipt.bytes;
}

bool Mailbox::is_lost(const Receipt& receipt) const {
  const std::lock_guard lock(mutex_);
  return !receipt.filled && (sender_closed_ || receiver_closed_);
}

void Mailbox::close_sender() {
  const std::lock_guard lock(mutex_);
  sender_closed_ = true;
  changed_.notify_all();
}

void Mailbox::close_receiver() {
  const std::lock_guard lock(mutex_);
  receiver_closed_ = true;
  sent_.clear();
  asked_.clear();
  changed_.notify_all();
}

}  // namespace byzccl::transport
