// SPDX-License-Identifier: MIT
#include "csrc/collective/sentry.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <exception>

#include "csrc/collective/faults.hpp"

namespace byzccl::collective {

using std::chrono::milliseconds;
using Doing = Waits::State::Doing;

milliseconds patience(milliseconds timeout) {
  return std::max(timeout / 10, std::min(timeout / 2, milliseconds(1000)));
}

namespace {

/// None where the worker is about to say more itself.
std::optional<Presence> presence_in(const Waits::State& state) {
  if (state.doing == Doing::kWaits) return Presence::kWaits;
  if (state.doing == Doing::kPosts || state.stage == Stage::kLeaving) return std::nullopt;
  return state.stage == Stage::kTogether ? Presence::kHere : Presence::kIdle;
}

}  // namespace

Sentry::Sentry(Transport& transport, const Waits& waits, const CommunicatorOptions& options)
    : transport_(transport),
      waits_(waits),
      options_(options),
      pause_(look_pause(options.timeout)),
      thread_([this] { loop(); }) {}

void Sentry::stop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Sentry::loop() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, pause_, [&] { return stopping_; })) {
    lock.unlock();
    look(Clock::now());
    lock.lock();
  }
}

void Sentry::look(Deadline now) {
  // A process that was stopped has kept the others waiting, whatever its worker says now.
  if (now - looked_ > options_.timeout / 2) silent_until_ = now + options_.timeout / 2;
  looked_ = now;
  const Waits::State state = waits_.state();
  if (now - state.since < pause_) return;
  if (state.doing == Doing::kWaits && state.peer >= 0) warn(state, now);
  if (now >= silent_until_) respond(state);
}

void Sentry::warn(const Waits::State& state, Deadline now) {
  if (!options_.warn || now - state.since < patience(options_.timeout)) return;
  if (call_ != state.calls) warned_.clear();
  call_ = state.calls;
  if (!warned_.insert(state.peer).second) return;
  auto late = std::chrono::duration_cast<milliseconds>(now - state.since);
  if (late >= std::chrono::seconds(1)) late = std::chrono::floor<std::chrono::seconds>(late);
  try {
    options_.warn(concat("rank ", state.peer, " is ", in_words(late), " late (", state.call,
                         "); rank ", transport_.rank(), " gives it ", in_words(options_.timeout)));
  } catch (const std::exception&) {  // nobody hears it
  }
}

void Sentry::respond(const Waits::State& state) {
  const std::optional<Presence> presence = presence_in(state);
  if (!presence || answered_ == presence || answered_ == Presence::kWaits) return;
  if (board_is_lost_) return;
  const std::optional<bool> failed = look_for_failure(transport_);
  board_is_lost_ = !failed;
  if (!failed.value_or(false)) return;
  answer(transport_, *presence);
  answered_ = presence;
}

}  // namespace byzccl::collective
