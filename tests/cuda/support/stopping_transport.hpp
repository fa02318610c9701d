// SPDX-License-Identifier: MIT
// A rank that stops in the middle of a reduction over NCCL.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "csrc/steps.hpp"

namespace byzccl::test {

/// Its rank stops before a batch of payload, and stays silent until it is released; or fails there.
class StoppingTransport final : public Transport {
 public:
  StoppingTransport(std::shared_ptr<Transport> inner, int batches)
      : inner_(std::move(inner)), left_(batches) {}

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override {
    return inner_->send(peer, data, bytes, channel);
  }
  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override {
    return inner_->recv(peer, data, bytes, channel);
  }
  Board& board() override { return inner_->board(); }
  void abort() noexcept override { inner_->abort(); }
  bool let_go() const noexcept override { return inner_->let_go(); }
  std::unique_ptr<Steps> make_steps() override { return inner_->make_steps(); }
  void start_batch() override {
    if (left_-- == 0) {
      stopped = true;
      if (fails) throw std::runtime_error("out of memory");
      while (!released) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    inner_->start_batch();
  }
  void end_batch() override { inner_->end_batch(); }
  void await_steps() override { inner_->await_steps(); }
  Transport& control() override { return inner_->control(); }
  void poll() override { inner_->poll(); }
  void interrupt_by(std::function<void()> check) override {
    inner_->interrupt_by(std::move(check));
  }

  bool fails = false;
  std::atomic<bool> stopped{false};
  std::atomic<bool> released{false};

 private:
  const std::shared_ptr<Transport> inner_;
  int left_;
};

}  // namespace byzccl::test
