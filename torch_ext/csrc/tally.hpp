// SPDX-License-Identifier: MIT
// The reports of a hook's steps: the last one, and what is counted over all of them.

#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>

#include "byzccl_reducer.hpp"

namespace byzccl::torch {

/// Threads may share one.
class Tally {
 public:
  explicit Tally(int ranks);

  void add(Report report);
  /// Its report is read later: when one is asked for, or when many have gathered.
  /// @throws what reading an older one threw
  void add_unread(Pending pending);

  /// These read what lies unread, and wait for it. @throws what reading one threw
  std::optional<Report> last();
  StepCounts counts();

  /// Goes on from there. What lies unread is forgotten.
  void load(StepCounts counts);
  std::size_t unread() const;

 private:
  void read();
  std::optional<Pending> next_unread();

  std::mutex reading_;  // one at a time, in the order of the steps; taken before the other
  mutable std::mutex mutex_;
  std::deque<Pending> unread_;
  StepCounts counts_;
  std::optional<Report> last_;
};

}  // namespace byzccl::torch
