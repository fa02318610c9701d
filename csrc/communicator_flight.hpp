// SPDX-License-Identifier: MIT
// What a device still does for an exchange whose calls have all been enqueued.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "csrc/steps.hpp"

namespace byzccl {

/// Shared by the worker, who watches it, and by the caller.
class Flight {
 public:
  /// @param ready  of the caller's work that it comes after; null: that is done
  Flight(std::shared_ptr<const Mark> end, std::shared_ptr<const Mark> ready, std::string context)
      : end_(std::move(end)), ready_(std::move(ready)), context_(std::move(context)) {}

  const Mark& end() const { return *end_; }
  /// Whether the device is done with it; once true, always. @throws CudaError if the device does
  /// not say
  bool reached() const {
    if (!reached_ && end_->reached()) reached_ = true;
    return reached_;
  }
  bool is_ready() const { return ready_ == nullptr || ready_->reached(); }
  /// "step 12, all_reduce krum(f=1)"
  const std::string& context() const { return context_; }

  /// It is about to fail: from now on error() waits for fail().
  void doom() noexcept {
    const std::lock_guard lock(mutex_);
    doomed_ = true;
  }
  /// Only once the device touches no buffer of it any more: who learns of it lets go of them.
  /// @param held  a transport that could not make the device let go of them; null: it has
  void fail(std::exception_ptr error, std::shared_ptr<const Transport> held) noexcept {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
    held_ = std::move(held);
    failed_.notify_all();
  }
  /// What it failed with, or null. After an abort the end is reached as well.
  std::exception_ptr error() const {
    std::unique_lock lock(mutex_);
    failed_.wait(lock, [&] { return !doomed_ || error_; });
    return error_;
  }
  bool failed() const noexcept {
    const std::lock_guard lock(mutex_);
    return error_ != nullptr;
  }
  /// Whether the device may still touch its buffers.
  bool in_use() const noexcept {
    const std::lock_guard lock(mutex_);
    return error_ ? held_ && !held_->let_go() : !is_reached();
  }
  /// reached(); false too where the device does not say.
  bool is_reached() const noexcept {
    try {
      return reached();
    } catch (const std::exception&) {
      return false;
    }
  }

 private:
  const std::shared_ptr<const Mark> end_;
  const std::shared_ptr<const Mark> ready_;
  const std::string context_;
  mutable std::atomic<bool> reached_{false};
  mutable std::mutex mutex_;
  mutable std::condition_variable failed_;
  bool doomed_ = false;
  std::exception_ptr error_;
  std::shared_ptr<const Transport> held_;
};

/// Looks at the board now and then: whether a rank says there that it fails.
class Lookout {
 public:
  explicit Lookout(std::chrono::milliseconds timeout);
  /// @throws PeerError if some rank does. Nothing if the last look was a moment ago.
  void look(Transport& transport);

 private:
  const Clock::duration pause_;
  Deadline next_;
};

/// Flights in the order of their ends. One thread.
class Flights {
 public:
  explicit Flights(std::chrono::milliseconds timeout) : timeout_(timeout), lookout_(timeout) {}

  void add(std::shared_ptr<Flight> flight) { flights_.push_back(std::move(flight)); }
  bool empty() const { return flights_.empty(); }
  /// The one that ends first. Not if empty.
  const Flight& front() const { return *flights_.front(); }

  /// Lets go of those that have ended. @throws PeerError  the first of the others is late, the
  /// transport has failed, or some rank says on the board that it fails. Late is what has not ended
  /// within the timeout, counted from when all before it had and the caller's vectors were there.
  void watch(Transport& transport);
  /// Watches until all have ended. @throws as watch()
  void watch_all(Transport& transport);
  void doom_all() noexcept;
  void fail_all(const std::exception_ptr& error,
                const std::shared_ptr<const Transport>& held) noexcept;

 private:
  std::deque<std::shared_ptr<Flight>> flights_;
  const std::chrono::milliseconds timeout_;
  std::optional<Deadline> deadline_;  // of the first, once its clock runs
  Lookout lookout_;
};

}  // namespace byzccl
