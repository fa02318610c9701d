// SPDX-License-Identifier: MIT
#include "csrc/communicator_flight.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>

#include "csrc/collective/faults.hpp"

namespace byzccl {

using std::chrono::milliseconds;

Lookout::Lookout(milliseconds timeout)
    : pause_(collective::look_pause(timeout)), next_(Clock::now() + pause_) {}

void Lookout::look(Transport& transport) {
  if (Clock::now() < next_) return;
  if (collective::somebody_failed(transport)) {
    throw PeerError(PeerError::kAny, true, "another rank has given up");
  }
  next_ = Clock::now() + pause_;
}

void Flights::watch(Transport& transport) {
  if (empty()) return;
  transport.poll();
  std::size_t ended = 0;
  while (ended < flights_.size() && flights_[ended]->reached()) ++ended;
  transport.poll();  // an abort ends them too
  flights_.erase(flights_.begin(), flights_.begin() + static_cast<std::ptrdiff_t>(ended));
  if (ended > 0) deadline_.reset();
  if (empty()) return;
  if (!deadline_ && front().is_ready()) deadline_ = Clock::now() + timeout_;
  if (deadline_ && Clock::now() >= *deadline_) {
    throw PeerError(PeerError::kAny, true, "the device did not finish in time");
  }
  lookout_.look(transport);
}

void Flights::watch_all(Transport& transport) {
  milliseconds pause{0};
  for (watch(transport); !empty(); watch(transport)) {
    std::this_thread::sleep_for(pause);
    pause = std::min(pause + milliseconds(1), milliseconds(5));
  }
}

void Flights::doom_all() noexcept {
  for (const auto& flight : flights_) flight->doom();
}

void Flights::fail_all(const std::exception_ptr& error,
                       const std::shared_ptr<const Transport>& held) noexcept {
  for (const auto& flight : flights_) flight->fail(error, held);
  flights_.clear();
  deadline_.reset();
}

}  // namespace byzccl
