// SPDX-License-Identifier: MIT
#include "support/wake_ups.hpp"

#include <algorithm>

namespace byzccl::test {

WakeUps::WakeUps() : thread_([this] { loop(); }) {}

WakeUps::~WakeUps() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void WakeUps::loop() {
  constexpr std::chrono::milliseconds kSleep{3};
  while (!stopping_) {
    const auto begin = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(kSleep);
    const std::chrono::duration<double> slept = std::chrono::steady_clock::now() - begin;
    asked_ += kSleep;
    slept_ += slept;
    worst_ = std::max<std::chrono::duration<double>>(worst_, slept - kSleep);
  }
}

bool WakeUps::suffice(std::chrono::milliseconds timeout, std::chrono::milliseconds enough) {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  const double slowness = slept_ / asked_;
  return timeout * 1.5 >= enough * slowness && worst_ * 12 < timeout;
}

}  // namespace byzccl::test
