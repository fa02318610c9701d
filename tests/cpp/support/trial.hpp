// SPDX-License-Identifier: MIT
// One reduction of several ranks, of which some go wrong, and what became of each.

#pragma once

#include <byzccl/byzccl.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/faulty_transport.hpp"
#include "support/ranks.hpp"

namespace byzccl::test {

inline constexpr int kRanks = 5;
inline constexpr int kCulprit = 3;
inline constexpr std::int64_t kColumns = 5 * 1024;  ///< five tiles
/// Long enough on an idle machine.
inline constexpr std::chrono::milliseconds kTimeout{600};
inline constexpr std::chrono::milliseconds kLongestTimeout = 16 * kTimeout;

/// What became of one rank's reduction.
struct Fate {
  bool finished = false;
  std::string message;
  std::vector<int> suspects;
  std::chrono::milliseconds took{0};
  std::chrono::milliseconds timeout{0};  ///< of its communicator
};

using Plans = std::function<FaultPlan(int rank)>;

/// The plan for the culprit, none for the others.
Plans only_culprit(FaultPlan plan);

struct Trial {
  Algorithm algorithm = Algorithm::kSharded;
  const char* rule = "krum(f=1)";
  Plans plan_of = [](int) { return FaultPlan{}; };
  bool culprit_calls = true;
  int reductions = 1;
};

/// Reduces float32 [kColumns] on all ranks, in chunks of 1024 bytes; what holds the culprit is
/// released when the others are done. By rank. The timeout is kTimeout; where the machine was too
/// busy for that to tell anything, all is tried again with twice as long a one.
std::vector<Fate> try_out(const Trial& trial);

}  // namespace byzccl::test
