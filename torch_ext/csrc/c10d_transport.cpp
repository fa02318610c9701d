// SPDX-License-Identifier: MIT
// Messages over the send and recv of a c10d backend, the board over its store.

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"
#include "message_of.hpp"
#include "store_board.hpp"

namespace byzccl::torch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBoardLimit{5'000};
// Tags of our messages run in [0, kLastTag); kLastTag itself is never sent.
constexpr std::uint32_t kLastTag = (1u << 30) - 1;

/// A message under way.
struct Message {
  int peer;
  c10::intrusive_ptr<c10d::Work> work;  ///< null once done
  std::string failure;                  ///< the backend refused it at once
};

/// What the transport and its Works share. The backend's Works can be waited for only once each.
struct Traffic {
  std::mutex mutex;
  std::condition_variable quiet;
  std::set<Message*> pending;
  int waiting = 0;
  bool aborted = false;
};

class C10dWork : public Work {
 public:
  C10dWork(std::shared_ptr<Traffic> traffic, Message message)
      : traffic_(std::move(traffic)), message_(std::move(message)) {
    const std::lock_guard lock(traffic_->mutex);
    if (message_.work) traffic_->pending.insert(&message_);
  }

  ~C10dWork() override { forget(); }

  void wait(Deadline deadline) override {
    c10::intrusive_ptr<c10d::Work> work;
    {
      const std::lock_guard lock(traffic_->mutex);
      if (traffic_->aborted) throw PeerError(message_.peer, false, "the transport was aborted");
      if (!message_.failure.empty()) throw PeerError(message_.peer, false, message_.failure);
      if (!message_.work) return;
      work = message_.work;
      ++traffic_->waiting;
    }
    const std::string failure = wait_for(*work, deadline);
    const bool late = Clock::now() >= deadline;
    work.reset();
    forget();
    bool aborted = false;
    {
      const std::lock_guard lock(traffic_->mutex);
      --traffic_->waiting;
      traffic_->quiet.notify_all();
      aborted = traffic_->aborted;
      message_.failure = failure;
    }
    if (failure.empty()) return;
    throw PeerError(message_.peer, late && !aborted,
                    aborted ? "the transport was aborted" : failure);
  }

  /// An interrupted wait ends at once: with an error if the connection is closed.
  bool is_lost() override {
    const std::lock_guard lock(traffic_->mutex);
    if (!message_.failure.empty()) return true;
    if (!message_.work || traffic_->aborted) return false;
    try {
      message_.work->abort();
      message_.work->wait(milliseconds(1));
      return false;
    } catch (const std::exception& error) {
      message_.failure = message_of(error);
      return true;
    }
  }

  /// Gloo tells only by waiting, and a wait that fails closes all connections.
  bool is_done() override {
    const std::lock_guard lock(traffic_->mutex);
    if (!message_.failure.empty() || traffic_->aborted) return false;
    if (!message_.work) return true;
    message_.failure = wait_for(*message_.work, Clock::now());
    if (!message_.failure.empty()) return false;
    traffic_->pending.erase(&message_);
    message_.work.reset();
    return true;
  }

 private:
  /// Empty if all went well.
  static std::string wait_for(c10d::Work& work, Deadline deadline) {
    // At least 1 ms: 0 would mean the backend's own timeout.
    const auto left =
        std::max(milliseconds(1), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
    try {
      return work.wait(left) ? "" : "the transport was aborted";
    } catch (const std::exception& error) {
      return message_of(error);
    }
  }

  /// Drops the backend's Work, which waits until nobody touches the buffer.
  void forget() {
    c10::intrusive_ptr<c10d::Work> work;
    const std::lock_guard lock(traffic_->mutex);
    traffic_->pending.erase(&message_);
    work = std::move(message_.work);
  }

  std::shared_ptr<Traffic> traffic_;
  Message message_;
};

class C10dTransport : public Transport {
 public:
  C10dTransport(c10::intrusive_ptr<c10d::Backend> backend,
                const c10::intrusive_ptr<c10d::Store>& store)
      : backend_(std::move(backend)),
        board_(store, kBoardLimit),
        next_send_(static_cast<std::size_t>(backend_->getSize())),
        next_recv_(next_send_) {}

  int rank() const override { return backend_->getRank(); }
  int size() const override { return backend_->getSize(); }
  Board& board() override { return board_; }

  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes) override {
    return start(peer, const_cast<void*>(data), bytes, next_send_, &c10d::Backend::send);
  }

  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes) override {
    return start(peer, data, bytes, next_recv_, &c10d::Backend::recv);
  }

  void abort() noexcept override {
    std::vector<c10::intrusive_ptr<c10d::Work>> works;
    {
      std::unique_lock lock(traffic_->mutex);
      if (!traffic_->aborted) {
        traffic_->aborted = true;
        for (Message* message : traffic_->pending) works.push_back(message->work);
      }
    }
    for (const auto& work : works) quietly([&] { work->abort(); });
    works.clear();
    close_pairs();
    std::unique_lock lock(traffic_->mutex);
    traffic_->quiet.wait(lock, [&] { return traffic_->waiting == 0; });
    for (Message* message : traffic_->pending) works.push_back(std::move(message->work));
    traffic_->pending.clear();
  }

 private:
  using Start = c10::intrusive_ptr<c10d::Work> (c10d::Backend::*)(std::vector<at::Tensor>&, int,
                                                                  int);

  /// Each message has a tag of its own, so that two of one pair can never be mistaken.
  std::unique_ptr<Work> start(int peer, void* data, std::size_t bytes,
                              std::vector<std::uint32_t>& next, Start call) {
    Message message{peer, {}, {}};
    if (bytes > 0) {
      std::uint32_t& tag = next[static_cast<std::size_t>(peer)];
      try {
        std::vector<at::Tensor> tensors{
            at::from_blob(data, {static_cast<std::int64_t>(bytes)}, at::kByte)};
        message.work = ((*backend_).*call)(tensors, peer, static_cast<int>(tag));
      } catch (const std::exception& error) {
        message.failure = message_of(error);
      }
      tag = (tag + 1) % kLastTag;
    }
    return std::make_unique<C10dWork>(traffic_, std::move(message));
  }

  /// Gloo has no call that closes connections. A wait that runs out of time closes those of the
  /// whole group, and so the peers learn of it.
  void close_pairs() noexcept {
    if (closed_.exchange(true) || size() < 2) return;
    quietly([&] {
      char byte = 0;
      std::vector<at::Tensor> tensors{at::from_blob(&byte, {1}, at::kByte)};
      backend_->recv(tensors, (rank() + 1) % size(), static_cast<int>(kLastTag))
          ->wait(milliseconds(1));
    });
  }

  template <class F>
  static void quietly(F&& f) noexcept {
    try {
      f();
    } catch (const std::exception&) {  // what is closed already cannot be closed again
    }
  }

  c10::intrusive_ptr<c10d::Backend> backend_;
  StoreBoard board_;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  std::vector<std::uint32_t> next_send_;
  std::vector<std::uint32_t> next_recv_;
  std::atomic<bool> closed_{false};
};

}  // namespace

std::shared_ptr<Transport> c10d_transport(c10::intrusive_ptr<c10d::Backend> backend,
                                          const c10::intrusive_ptr<c10d::Store>& store) {
  return std::make_shared<C10dTransport>(std::move(backend), store);
}

}  // namespace byzccl::torch
