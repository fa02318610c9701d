// SPDX-License-Identifier: MIT
// Beside a communicator's worker: answers when other ranks judge, and warns of a peer that is late.

#pragma once

#include <byzccl/communicator.hpp>
#include <byzccl/transport.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "csrc/collective/sighting.hpp"
#include "csrc/collective/waits.hpp"

namespace byzccl::collective {

/// How long a rank waits for another before it warns.
std::chrono::milliseconds patience(std::chrono::milliseconds timeout);

/// A thread of its own, which looks every now and then. It leaves the board alone unless the worker
/// has been at one thing, or at nothing, for a while; and for good once the board is out of reach.
class Sentry {
 public:
  /// All of these outlive it.
  Sentry(Transport& transport, const Waits& waits, const CommunicatorOptions& options);
  ~Sentry() { stop(); }
  Sentry(const Sentry&) = delete;
  Sentry& operator=(const Sentry&) = delete;

  /// Joins the thread. Again is a no-op.
  void stop() noexcept;

 private:
  void loop();
  void look(Deadline now);
  void warn(const Waits::State& state, Deadline now);
  void respond(const Waits::State& state);

  Transport& transport_;
  const Waits& waits_;
  const CommunicatorOptions& options_;
  const std::chrono::milliseconds pause_;

  // The thread's alone.
  Deadline looked_ = Clock::now();
  Deadline silent_until_ = {};
  std::optional<Presence> answered_;
  bool board_is_lost_ = false;
  std::int64_t call_ = 0;  // that `warned_` is about
  std::set<int> warned_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace byzccl::collective
