// SPDX-License-Identifier: MIT
// Waiting for what can only be asked for again and again.

#pragma once

#include <algorithm>
#include <byzccl/transport.hpp>
#include <chrono>
#include <thread>

namespace byzccl::torch {

/// Pauses between two questions: the first are short, for what is nearly there; the later ones
/// spare the one who is asked.
class Backoff {
 public:
  std::chrono::milliseconds next() {
    const std::chrono::milliseconds now = pause_;
    pause_ = std::min(kLongest, 2 * pause_);
    return now;
  }
  void sleep() { std::this_thread::sleep_for(next()); }

 private:
  static constexpr std::chrono::milliseconds kLongest{50};
  std::chrono::milliseconds pause_{1};
};

/// Now and `timeout`, which may be too long for the clock to count.
inline Deadline deadline_after(std::chrono::milliseconds timeout) {
  constexpr std::chrono::hours kForever{24 * 365};
  return Clock::now() + std::min<std::chrono::milliseconds>(timeout, kForever);
}

}  // namespace byzccl::torch
