// SPDX-License-Identifier: MIT
// How late this machine wakes its threads: on a busy one, a trial of timeouts tells nothing.

#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace byzccl::test {

/// Sleeps again and again on a thread of its own, for as long as it lives.
class WakeUps {
 public:
  WakeUps();
  ~WakeUps();
  WakeUps(const WakeUps&) = delete;
  WakeUps& operator=(const WakeUps&) = delete;

  /// Stops, and says whether threads came as soon as what waits up to `timeout` for many of them
  /// needs, where `enough` is a timeout that does on an idle machine.
  bool suffice(std::chrono::milliseconds timeout, std::chrono::milliseconds enough);

 private:
  void loop();

  // The thread's alone, until it has ended.
  std::chrono::duration<double> asked_{0};
  std::chrono::duration<double> slept_{0};
  std::chrono::duration<double> worst_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace byzccl::test
