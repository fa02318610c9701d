// SPDX-License-Identifier: MIT
// How long a piece of work takes when it is repeated.

#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <vector>

namespace byzccl::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// How often work is repeated: until `seconds` have passed, but at least `least` times.
struct Patience {
  int least = 3;
  double seconds = 0.15;
};

struct Times {
  double best = 0;    ///< seconds
  double median = 0;  ///< seconds
  int repetitions = 0;
};

/// Runs the work once to warm up, then as `patience` says.
inline Times time_of(const std::function<void()>& work, const Patience& patience) {
  work();
  const std::size_t least = static_cast<std::size_t>(std::max(1, patience.least));
  std::vector<double> seconds;
  const double begin = now();
  for (double start = begin; seconds.size() < least || start - begin < patience.seconds;) {
    work();
    const double end = now();
    seconds.push_back(end - start);
    start = end;
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2], static_cast<int>(seconds.size())};
}

}  // namespace byzccl::bench
