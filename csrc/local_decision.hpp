// SPDX-License-Identifier: MIT
// The first two steps, distances and selector, over vectors that lie in host memory.

#pragma once

#include <byzccl/report.hpp>
#include <byzccl/rules/decision.hpp>
#include <chrono>
#include <vector>

#include "csrc/steps.hpp"

namespace byzccl {

/// Seconds since the last call, or since it was made.
class Stopwatch {
 public:
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    return passed.count();
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct LocalDecision {
  std::vector<double> memory;  ///< what `decision` points into
  rules::Decision decision;
  std::vector<double> distances;  ///< D [lines, n]; empty where the plan needs none
};

/// @param phases  gets what took how long
LocalDecision decide(const Plan& plan, const Rows& rows, Steps& steps, std::vector<Phase>& phases);

}  // namespace byzccl
