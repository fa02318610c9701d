// SPDX-License-Identifier: MIT
// The store that a Gloo backend exchanges its addresses over while it connects.

#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "store_board.hpp"

namespace byzccl::torch {

/// Keys of a board as a c10d::Store: every call has the board's time limit, waits end when
/// give_up() is called, and what was written is known, so that it can be removed.
class RendezvousStore : public c10d::Store {
 public:
  explicit RendezvousStore(std::shared_ptr<StoreBoard> board) : board_(std::move(board)) {}

  c10::intrusive_ptr<c10d::Store> clone() override;
  using c10d::Store::set;
  void set(const std::string& key, const std::vector<uint8_t>& value) override;
  std::vector<uint8_t> get(const std::string& key) override;
  int64_t add(const std::string& key, int64_t value) override;
  bool deleteKey(const std::string& key) override;
  bool check(const std::vector<std::string>& keys) override;
  int64_t getNumKeys() override;
  void wait(const std::vector<std::string>& keys) override;
  void wait(const std::vector<std::string>& keys,
            const std::chrono::milliseconds& timeout) override;

  /// Nobody waits for the connection any more.
  void give_up() { given_up_ = true; }
  /// Names, on the board, of what this rank has written.
  std::vector<std::string> written();

 private:
  std::shared_ptr<StoreBoard> board_;
  std::atomic<bool> given_up_ = false;
  std::mutex mutex_;
  std::vector<std::string> written_;
};

}  // namespace byzccl::torch
