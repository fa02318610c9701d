// SPDX-License-Identifier: MIT
#include "csrc/node/lines.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace byzccl::node {
namespace {

/// Of one message of a vector; a transport may have a limit, and Gloo's is 1 GiB.
constexpr std::size_t kMessage = std::size_t{256} << 20;

Deadline never() { return Clock::now() + std::chrono::hours(24 * 365); }

}  // namespace

Lines::Lines(std::shared_ptr<Transport> transport, std::size_t vector_bytes)
    : transport_(std::move(transport)), vector_bytes_(vector_bytes) {}

std::unique_ptr<Work> Lines::post_send(int peer, const void* data, std::size_t bytes,
                                       Channel channel) {
  const std::lock_guard lock(posting_);
  return transport_->send(peer, data, bytes, channel);
}

void Lines::send(int peer, const Outgoing& outgoing) {
  // The header's Work is waited for whatever becomes of the vector's: it may not be dropped before.
  const auto header = post_send(peer, &outgoing.frame, sizeof(Frame), Channel::kHeaders);
  std::exception_ptr failure;
  try {
    const auto* const vector = static_cast<const std::byte*>(outgoing.vector.get());
    const std::size_t bytes = vector == nullptr ? 0 : vector_bytes_;
    for (std::size_t at = 0; at < bytes; at += kMessage) {
      const std::size_t part = std::min(kMessage, bytes - at);
      post_send(peer, vector + at, part, Channel::kPayload)->wait(never());
      sent_ += static_cast<std::int64_t>(part);
    }
  } catch (...) {
    failure = std::current_exception();
  }
  header->wait(never());
  sent_ += static_cast<std::int64_t>(sizeof(Frame));
  if (failure) std::rethrow_exception(failure);
}

void Lines::receive_bytes(int peer, void* data, std::size_t bytes, Channel channel) {
  std::unique_ptr<Work> work;
  {
    const std::lock_guard lock(posting_);
    work = transport_->recv(peer, data, bytes, channel);
  }
  work->wait(never());
  received_ += static_cast<std::int64_t>(bytes);
}

void Lines::receive(int peer, Frame& frame) {
  receive_bytes(peer, &frame, sizeof(Frame), Channel::kHeaders);
}

void Lines::receive(int peer, void* vector) {
  auto* const to = static_cast<std::byte*>(vector);
  for (std::size_t at = 0; at < vector_bytes_; at += kMessage) {
    receive_bytes(peer, to + at, std::min(kMessage, vector_bytes_ - at), Channel::kPayload);
  }
}

}  // namespace byzccl::node
