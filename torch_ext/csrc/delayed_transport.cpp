// SPDX-License-Identifier: MIT
// A slow network: every message is held back for a while before it leaves.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "byzccl_torch.hpp"

namespace byzccl::torch {
namespace {

/// A message in the queue, later the inner transport's Work for it.
struct Held {
  int peer;
  const void* data;
  std::size_t bytes;
  Channel channel;
  Deadline due;
  std::unique_ptr<Work> work;  ///< set when it has left
};

struct Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<Held>> held;
  bool closed = false;
};

class HeldWork : public Work {
 public:
  HeldWork(std::shared_ptr<Queue> queue, std::shared_ptr<Held> message)
      : queue_(std::move(queue)), message_(std::move(message)) {}

  void wait(Deadline deadline) override {
    {
      std::unique_lock lock(queue_->mutex);
      const bool left = queue_->changed.wait_until(
          lock, deadline, [&] { return message_->work != nullptr || queue_->closed; });
      if (message_->work == nullptr) {
        throw PeerError(message_->peer, !left, left ? "the transport was aborted" : "timed out");
      }
    }
    message_->work->wait(deadline);
  }

  bool is_lost() override {
    Work* const work = left();
    return work != nullptr && work->is_lost();
  }
  bool is_done() override {
    Work* const work = left();
    return work != nullptr && work->is_done();
  }

 private:
  /// Null: it is still held back.
  Work* left() const {
    const std::lock_guard lock(queue_->mutex);
    return message_->work.get();
  }

  std::shared_ptr<Queue> queue_;
  std::shared_ptr<Held> message_;
};

class DelayedTransport : public Transport {
 public:
  DelayedTransport(std::shared_ptr<Transport> inner, std::chrono::milliseconds delay)
      : inner_(std::move(inner)), delay_(delay), courier_([this] { deliver(); }) {}

  ~DelayedTransport() override {
    close();
    courier_.join();
  }

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  Board& board() override { return inner_->board(); }

  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override {
    auto message =
        std::make_shared<Held>(Held{peer, data, bytes, channel, Clock::now() + delay_, nullptr});
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->held.push_back(message);
    }
    queue_->changed.notify_all();
    return std::make_unique<HeldWork>(queue_, std::move(message));
  }

  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override {
    const std::lock_guard lock(queue_->mutex);  // the courier may be sending
    return inner_->recv(peer, data, bytes, channel);
  }

  void abort() noexcept override {
    close();
    inner_->abort();
  }

 private:
  void close() noexcept {
    const std::lock_guard lock(queue_->mutex);
    queue_->closed = true;
    queue_->held.clear();
    queue_->changed.notify_all();
  }

  void deliver() {
    std::unique_lock lock(queue_->mutex);
    while (!queue_->closed) {
      if (queue_->held.empty()) {
        queue_->changed.wait(lock);
        continue;
      }
      const auto message = queue_->held.front();
      if (Clock::now() < message->due) {
        queue_->changed.wait_until(lock, message->due);
        continue;
      }
      queue_->held.pop_front();
      message->work = inner_->send(message->peer, message->data, message->bytes, message->channel);
      queue_->changed.notify_all();
    }
  }

  std::shared_ptr<Transport> inner_;
  std::chrono::milliseconds delay_;
  std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  std::thread courier_;
};

}  // namespace

std::shared_ptr<Transport> delayed_transport(std::shared_ptr<Transport> inner,
                                             std::chrono::milliseconds delay) {
  return std::make_shared<DelayedTransport>(std::move(inner), delay);
}

}  // namespace byzccl::torch
