// SPDX-License-Identifier: MIT
// What a device still does for an exchange whose calls have all been enqueued.

#pragma once

#include <byzccl/transport.hpp>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "csrc/steps.hpp"

namespace byzccl {

/// Shared by the worker, who watches it, and by the caller.
class Flight {
 public:
  Flight(std::shared_ptr<const Mark> end, Deadline deadline, std::string context)
      : end_(std::move(end)), deadline_(deadline), context_(std::move(context)) {}

  const Mark& end() const { return *end_; }
  Deadline deadline() const { return deadline_; }
  /// "step 12, all_reduce krum(f=1)"
  const std::string& context() const { return context_; }

  void fail(std::exception_ptr error) noexcept {
    const std::lock_guard lock(mutex_);
    error_ = std::move(error);
  }
  /// What it failed with, or null. After an abort the end is reached as well.
  std::exception_ptr error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }

 private:
  const std::shared_ptr<const Mark> end_;
  const Deadline deadline_;
  const std::string context_;
  mutable std::mutex mutex_;
  std::exception_ptr error_;
};

/// Flights in the order of their ends. One thread.
class Flights {
 public:
  explicit Flights(std::chrono::milliseconds timeout);

  void add(std::shared_ptr<Flight> flight) { flights_.push_back(std::move(flight)); }
  bool empty() const { return flights_.empty(); }
  /// The one that ends first. Not if empty.
  const Flight& front() const { return *flights_.front(); }

  /// Lets go of those that have ended. @throws PeerError  the first of the others is late, the
  /// transport has failed, or some rank says on the board that it fails
  void watch(Transport& transport);
  void fail_all(const std::exception_ptr& error) noexcept;

 private:
  std::deque<std::shared_ptr<Flight>> flights_;
  const Clock::duration pause_;  // between two looks at the board
  Deadline next_look_ = Deadline::min();
};

}  // namespace byzccl
