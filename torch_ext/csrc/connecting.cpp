// SPDX-License-Identifier: MIT
// A Gloo backend that connects on a thread of its own, and can be left alone there.

#include "connecting.hpp"

#include <exception>
#include <thread>
#include <utility>

#include "gloo_backend.hpp"
#include "message_of.hpp"

namespace byzccl::torch {

Connecting::Connecting(std::shared_ptr<StoreBoard> board, int rank, int size,
                       std::chrono::milliseconds timeout)
    : store_(c10::make_intrusive<RendezvousStore>(std::move(board))),
      rank_(rank),
      size_(size),
      timeout_(timeout) {}

void Connecting::start() {
  std::thread([self = shared_from_this()] { self->connect(); }).detach();
}

void Connecting::connect() noexcept {
  std::string message;
  bool connected = false;
  c10::intrusive_ptr<c10d::Backend> backend;
  try {
    backend = eager_gloo(store_, rank_, size_, timeout_, [this] { has_device_ = true; });
    connected = true;
  } catch (const std::exception& error) {
    message = message_of(error);
  } catch (...) {
    message = "Gloo failed without saying why";
  }
  const std::lock_guard lock(mutex_);
  outcome_ = connected     ? Outcome::kConnected
             : has_device_ ? Outcome::kNotConnected
                           : Outcome::kNoDevice;
  message_ = std::move(message);
  backend_ = std::move(backend);
  done_ = true;
  changed_.notify_all();
}

bool Connecting::done_by(Deadline moment) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, moment, [this] { return done_; });
}

}  // namespace byzccl::torch
