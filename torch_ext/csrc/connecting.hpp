// SPDX-License-Identifier: MIT
// A Gloo backend that connects on a thread of its own, and can be left alone there.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <vector>

#include "rendezvous_store.hpp"
#include "store_board.hpp"

namespace byzccl::torch {

/// Gloo waits for its peers one after the other, each up to the timeout, and for the store without
/// one. Whoever cannot wait for it any longer leaves it behind; it ends by itself.
class Connecting : public std::enable_shared_from_this<Connecting> {
 public:
  enum class Outcome { kConnected, kNoDevice, kNotConnected };

  Connecting(std::shared_ptr<StoreBoard> board, int rank, int size,
             std::chrono::milliseconds timeout);

  void start();
  /// Whether it is done, at `moment` at the latest.
  bool done_by(Deadline moment);
  /// Whether Gloo knows an address of this machine. Until then it looks up the machine's name, and
  /// nothing of that depends on other ranks.
  bool has_device() const { return has_device_; }

  // Once it is done:
  Outcome outcome() const { return outcome_; }
  const std::string& message() const { return message_; }
  c10::intrusive_ptr<c10d::Backend> take() { return std::move(backend_); }

  /// No wait for the store begins any more.
  void give_up() { store_->give_up(); }
  /// Keys on the board that this rank has written.
  std::vector<std::string> written() { return store_->written(); }

 private:
  void connect() noexcept;

  const c10::intrusive_ptr<RendezvousStore> store_;
  const int rank_;
  const int size_;
  const std::chrono::milliseconds timeout_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> has_device_ = false;
  bool done_ = false;
  Outcome outcome_ = Outcome::kNoDevice;
  std::string message_;
  c10::intrusive_ptr<c10d::Backend> backend_;
};

}  // namespace byzccl::torch
