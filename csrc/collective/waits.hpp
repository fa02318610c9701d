// SPDX-License-Identifier: MIT
// The work that a communicator is doing now, and how long it has waited for each rank.

#pragma once

#include <byzccl/transport.hpp>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace byzccl::collective {

/// Where the ranks are in an exchange, as far as one of them can know.
enum class Stage {
  kMeeting,   ///< some may not have called yet
  kTogether,  ///< every rank that lives is in it, and none has left it
  kLeaving,   ///< every rank has been in it; who has everything may have left it
};

/// The worker writes, its sentry reads.
class Waits {
 public:
  explicit Waits(int n) : seconds_(static_cast<std::size_t>(n)) {}

  struct State {
    enum class Doing { kComputes, kPosts, kWaits };
    Doing doing = Doing::kComputes;
    int peer = -1;  ///< whom it waits for; PeerError::kAny: some rank
    Deadline since = {};
    Stage stage = Stage::kMeeting;
    std::int64_t calls = 0;  ///< so far
    std::string call = {};   ///< "step 12, all_reduce krum(f=1)"
  };
  State state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  /// A new call begins.
  void begin(std::string call) {
    const std::lock_guard lock(mutex_);
    ++state_.calls;
    state_.call = std::move(call);
  }
  void enter(Stage stage) {
    const std::lock_guard lock(mutex_);
    state_.stage = stage;
  }

  /// Seconds [n] that it has waited for each rank: where several are late, for the one that it
  /// happened to wait for.
  std::vector<double> seconds() const {
    const std::lock_guard lock(mutex_);
    return seconds_;
  }

  /// For its own lifetime the worker posts messages, or waits for `peer`.
  class Scope {
   public:
    explicit Scope(Waits& waits) : Scope(waits, State::Doing::kPosts, -1) {}
    Scope(Waits& waits, int peer) : Scope(waits, State::Doing::kWaits, peer) {}
    ~Scope() { waits_.end(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Scope(Waits& waits, State::Doing doing, int peer) : waits_(waits) { waits_.set(doing, peer); }
    Waits& waits_;
  };

 private:
  void set(State::Doing doing, int peer) {
    const std::lock_guard lock(mutex_);
    state_.doing = doing;
    state_.peer = peer;
    state_.since = Clock::now();
  }
  void end() {
    const std::lock_guard lock(mutex_);
    const Deadline now = Clock::now();
    if (state_.doing == State::Doing::kWaits && state_.peer >= 0) {
      const std::chrono::duration<double> time = now - state_.since;
      seconds_[static_cast<std::size_t>(state_.peer)] += time.count();
    }
    state_.doing = State::Doing::kComputes;
    state_.since = now;
  }

  mutable std::mutex mutex_;
  State state_;
  std::vector<double> seconds_;
};

}  // namespace byzccl::collective
