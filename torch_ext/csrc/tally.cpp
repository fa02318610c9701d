// SPDX-License-Identifier: MIT
#include "tally.hpp"

#include <utility>

namespace byzccl::torch {
namespace {

/// Each holds memory of the device.
constexpr std::size_t kMostUnread = 64;

}  // namespace

Tally::Tally(int ranks) {
  const auto n = static_cast<std::size_t>(ranks);
  counts_.excluded.resize(n);
  counts_.broken.resize(n);
}

void Tally::add(Report report) {
  const std::lock_guard lock(mutex_);
  ++counts_.steps;
  for (const int rank : report.broken) ++counts_.broken.at(static_cast<std::size_t>(rank));
  if (!report.failed) {  // else nobody had a say, and nobody in particular is to blame
    for (std::size_t rank = 0; rank < report.weights.size(); ++rank) {
      counts_.excluded.at(rank) += report.weights[rank] == 0;
    }
  }
  last_ = std::move(report);
}

void Tally::add_unread(Pending pending) {
  {
    const std::lock_guard lock(mutex_);
    unread_.push_back(std::move(pending));
    if (unread_.size() < kMostUnread) return;
  }
  read();
}

std::optional<Pending> Tally::next_unread() {
  const std::lock_guard lock(mutex_);
  if (unread_.empty()) return std::nullopt;
  Pending next = std::move(unread_.front());
  unread_.pop_front();
  return next;
}

void Tally::read() {
  const std::lock_guard reading(reading_);
  while (std::optional<Pending> next = next_unread()) add(next->report());
}

std::optional<Report> Tally::last() {
  read();
  const std::lock_guard lock(mutex_);
  return last_;
}

StepCounts Tally::counts() {
  read();
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Tally::load(StepCounts counts) {
  const std::lock_guard reading(reading_);
  const std::lock_guard lock(mutex_);
  unread_.clear();
  counts_ = std::move(counts);
}

std::size_t Tally::unread() const {
  const std::lock_guard lock(mutex_);
  return unread_.size();
}

}  // namespace byzccl::torch
