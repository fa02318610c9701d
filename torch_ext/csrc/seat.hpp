// SPDX-License-Identifier: MIT
// A rank's place among those that are about to meet: it has no messages yet, only the board.

#pragma once

#include <byzccl/transport.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "store_board.hpp"

namespace byzccl::torch {

/// Somebody has failed: all others give their word, and read the verdict.
inline const std::string kFailing = "failing";

/// The board, where a rank's word why it fails also rings for those who only look whether somebody
/// does: not before the word is there, or they would judge without it.
class Alarm : public Board {
 public:
  explicit Alarm(std::shared_ptr<StoreBoard> board) : board_(std::move(board)) {}
  void put(const std::string& key, const std::string& value) override { board_->put(key, value); }
  std::optional<std::string> get(const std::string& key) override { return board_->get(key); }
  std::string put_first(const std::string& key, const std::string& value) override {
    std::string stands = board_->put_first(key, value);
    board_->put(kFailing, "");
    return stands;
  }

 private:
  std::shared_ptr<StoreBoard> board_;
};

/// A rank that has no messages yet, only the board: what agree_on_failure() needs.
class Seat : public Transport {
 public:
  Seat(std::shared_ptr<StoreBoard> board, int rank, int size)
      : board_(std::move(board)), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }
  Board& board() override { return board_; }
  std::unique_ptr<Work> send(int peer, const void* /*data*/, std::size_t /*bytes*/,
                             Channel /*channel*/) override {
    throw PeerError(peer, false, "not connected yet");
  }
  std::unique_ptr<Work> recv(int peer, void* /*data*/, std::size_t /*bytes*/,
                             Channel /*channel*/) override {
    throw PeerError(peer, false, "not connected yet");
  }
  void abort() noexcept override {}

 private:
  Alarm board_;
  int rank_;
  int size_;
};

}  // namespace byzccl::torch
