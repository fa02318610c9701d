// SPDX-License-Identifier: MIT
#include "csrc/communicator_flight.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "csrc/collective/faults.hpp"

namespace byzccl {
namespace {

using std::chrono::milliseconds;

/// Well below the grace that ranks give each other to say what they saw.
milliseconds look_pause(milliseconds timeout) {
  return std::clamp(timeout / 20, milliseconds(10), milliseconds(1000));
}

}  // namespace

Flights::Flights(milliseconds timeout) : pause_(look_pause(timeout)) {}

void Flights::watch(Transport& transport) {
  if (empty()) return;
  transport.poll();
  std::size_t ended = 0;
  while (ended < flights_.size() && flights_[ended]->end().reached()) ++ended;
  transport.poll();  // an abort ends them too
  flights_.erase(flights_.begin(), flights_.begin() + static_cast<std::ptrdiff_t>(ended));
  if (empty()) {
    next_look_ = Deadline::min();
    return;
  }
  const Deadline now = Clock::now();
  if (now >= front().deadline()) {
    throw PeerError(PeerError::kAny, true, "the device did not finish in time");
  }
  if (next_look_ == Deadline::min()) next_look_ = now + pause_;
  if (now < next_look_) return;
  next_look_ = now + pause_;
  if (collective::somebody_failed(transport)) {
    throw PeerError(PeerError::kAny, true, "another rank has given up");
  }
}

void Flights::fail_all(const std::exception_ptr& error) noexcept {
  for (const auto& flight : flights_) flight->fail(error);
  flights_.clear();
}

}  // namespace byzccl
