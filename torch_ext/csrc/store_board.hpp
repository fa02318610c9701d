// SPDX-License-Identifier: MIT
// A board over a c10d::Store.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace byzccl::torch {

/// Every call ends within `limit`: a TCPStore whose host is stopped answers nothing and has no time
/// limit of its own. After one call without an answer the board is given up, and later calls throw
/// at once. Calls may come from any thread.
class StoreBoard : public Board {
 public:
  /// @throws Error if the store cannot be reached
  StoreBoard(const c10::intrusive_ptr<c10d::Store>& store, std::chrono::milliseconds limit);

  void put(const std::string& key, const std::string& value) override;
  std::optional<std::string> get(const std::string& key) override;
  std::string put_first(const std::string& key, const std::string& value) override;

 private:
  using Answer = std::optional<std::string>;
  Answer ask(std::function<Answer(c10d::Store&)> question);

  c10::intrusive_ptr<c10d::Store> store_;
  std::chrono::milliseconds limit_;
  std::atomic<bool> silent_ = false;
};

}  // namespace byzccl::torch
