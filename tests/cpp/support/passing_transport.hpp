// SPDX-License-Identifier: MIT
// A transport over another one, for tests to change one thing about it.

#pragma once

#include <byzccl/transport.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "csrc/steps.hpp"

namespace byzccl::test {

/// Passes every call on.
class PassingTransport : public Transport {
 public:
  explicit PassingTransport(std::shared_ptr<Transport> inner) : inner_(std::move(inner)) {}

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
  void stay_for_others(const std::vector<int>& suspects) noexcept override {
    inner_->stay_for_others(suspects);
  }
  std::unique_ptr<Steps> make_steps() override { return inner_->make_steps(); }
  void start_batch() override { inner_->start_batch(); }
  void end_batch() override { inner_->end_batch(); }
  void await_steps() override { inner_->await_steps(); }
  /// Messages of the host pass here as well.
  Transport& control() override {
    Transport& control = inner_->control();
    return &control == inner_.get() ? *this : control;
  }
  void poll() override { inner_->poll(); }
  bool let_go() const noexcept override { return inner_->let_go(); }
  void interrupt_by(std::function<void()> check) override {
    inner_->interrupt_by(std::move(check));
  }

 private:
  const std::shared_ptr<Transport> inner_;
};

}  // namespace byzccl::test
