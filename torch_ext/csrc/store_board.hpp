// SPDX-License-Identifier: MIT
// A board over a c10d::Store.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

namespace byzccl::torch {

/// Every call ends within `limit`: a TCPStore whose host is stopped answers nothing and has no time
/// limit of its own. After one call without an answer the board is given up, and later calls throw
/// at once. Calls may come from any thread.
///
/// It asks over the connection that `store` has. Another one would cost a descriptor, and both ends
/// of a TCPStore look up the name of the other when they connect: where the name server is slow,
/// the host serves nobody meanwhile. Only when another thread keeps that connection busy (it waits
/// for a key) does the board open one of its own.
///
/// A question may be put to the store twice, and late: it must be safe to repeat.
class StoreBoard : public Board {
 public:
  /// `host` is what host() says.
  StoreBoard(c10::intrusive_ptr<c10d::Store> store, std::chrono::milliseconds limit, int host = -1);

  void put(const std::string& key, const std::string& value) override;
  std::optional<std::string> get(const std::string& key) override;
  std::string put_first(const std::string& key, const std::string& value) override;
  int host() const override { return host_; }

  /// Whether all of `keys` are there. Never waits for them.
  bool has(const std::vector<std::string>& keys);
  /// Keys that are not there are passed over.
  void remove(const std::vector<std::string>& keys);

 private:
  using Answer = std::optional<std::string>;
  using Question = std::function<Answer(c10d::Store&)>;
  struct Lines;
  struct Call;

  Answer ask(Question question);
  /// On a thread of its own, which owns all that it touches and ends when the connection does.
  static void start(std::shared_ptr<Lines> lines, bool own, std::shared_ptr<Call> call);

  std::shared_ptr<Lines> lines_;
  std::chrono::milliseconds limit_;
  const int host_;
  std::atomic<bool> busy_ = false;
  std::atomic<bool> silent_ = false;
};

}  // namespace byzccl::torch
