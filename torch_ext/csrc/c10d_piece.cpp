// SPDX-License-Identifier: MIT
#include "c10d_piece.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "message_of.hpp"

namespace byzccl::torch {
namespace {

using std::chrono::milliseconds;

/// Empty if all went well.
std::string wait_for(c10d::Work& work, Deadline deadline) {
  // At least 1 ms: 0 would mean the backend's own timeout.
  const auto left =
      std::max(milliseconds(1), std::chrono::ceil<milliseconds>(deadline - Clock::now()));
  try {
    return work.wait(left) ? "" : "the transport was aborted";
  } catch (const std::exception& error) {
    return message_of(error);
  }
}

}  // namespace

Piece::Piece(std::shared_ptr<Traffic> traffic, Posted posted)
    : traffic_(std::move(traffic)), posted_(std::move(posted)) {
  const std::lock_guard lock(traffic_->mutex);
  if (posted_.work) traffic_->pending.insert(&posted_);
}

void Piece::wait(Deadline deadline) {
  c10::intrusive_ptr<c10d::Work> work;
  {
    const std::lock_guard lock(traffic_->mutex);
    if (traffic_->aborted) throw PeerError(posted_.peer, false, "the transport was aborted");
    if (!posted_.failure.empty()) throw PeerError(posted_.peer, false, posted_.failure);
    if (!posted_.work) return;
    work = posted_.work;
    ++traffic_->waiting;
  }
  const std::string failure = wait_for(*work, deadline);
  const bool late = Clock::now() >= deadline;
  work.reset();
  forget();
  bool aborted = false;
  {
    const std::lock_guard lock(traffic_->mutex);
    --traffic_->waiting;
    traffic_->quiet.notify_all();
    aborted = traffic_->aborted;
    posted_.failure = failure;
  }
  if (failure.empty()) return;
  throw PeerError(posted_.peer, late && !aborted, aborted ? "the transport was aborted" : failure);
}

/// An interrupted wait ends at once: with an error if the connection is closed.
bool Piece::is_lost() {
  const std::lock_guard lock(traffic_->mutex);
  if (!posted_.failure.empty()) return true;
  if (!posted_.work || traffic_->aborted) return false;
  try {
    posted_.work->abort();
    posted_.work->wait(milliseconds(1));
    return false;
  } catch (const std::exception& error) {
    posted_.failure = message_of(error);
    return true;
  }
}

/// Gloo tells only by waiting, and a wait that fails closes all connections.
bool Piece::is_done() {
  const std::lock_guard lock(traffic_->mutex);
  if (!posted_.failure.empty() || traffic_->aborted) return false;
  if (!posted_.work) return true;
  posted_.failure = wait_for(*posted_.work, Clock::now());
  if (!posted_.failure.empty()) return false;
  traffic_->pending.erase(&posted_);
  posted_.work.reset();
  return true;
}

/// Drops the backend's Work, which waits until nobody touches the buffer.
void Piece::forget() {
  c10::intrusive_ptr<c10d::Work> work;
  const std::lock_guard lock(traffic_->mutex);
  traffic_->pending.erase(&posted_);
  work = std::move(posted_.work);
}

}  // namespace byzccl::torch
