// SPDX-License-Identifier: MIT
// A transport that goes wrong when it is told to.

#pragma once

#include <byzccl/transport.hpp>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <span>

#include "support/passing_transport.hpp"

namespace byzccl::test {

struct FaultPlan {
  enum class Kind {
    kNone,
    kFreeze,  ///< stops as a stopped process does: alive to the others, and silent
    kDie,     ///< as a killed process: its connections close, and it leaves no word
  };
  Kind kind = Kind::kNone;
  int sends_before = 0;                ///< sends that still go out before the fault strikes
  std::chrono::milliseconds delay{0};  ///< before every wait: a slow rank
  bool board_fails = false;            ///< the board is out of reach
  int board_host = -1;                 ///< with whom it ended, as far as this rank knows
  /// Changes what this rank sends to `peer` on `channel`.
  std::function<void(int peer, Channel channel, std::span<std::byte> message)> rewrite = {};
};

class FaultyTransport final : public PassingTransport {
 public:
  FaultyTransport(std::shared_ptr<Transport> inner, FaultPlan plan);

  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override;
  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override;
  Board& board() override;

  /// What the fault holds goes on. Call it before the transport's communicator is destroyed.
  void release();

 private:
  void hold();

  const FaultPlan plan_;
  const std::unique_ptr<Board> broken_board_;
  int sends_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
};

}  // namespace byzccl::test
