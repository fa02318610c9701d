// SPDX-License-Identifier: MIT
// How long a piece of work takes when it is repeated.

#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace byzccl::bench {

inline double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// How often work is repeated: at least `least` times, then until `seconds` have passed or `most`
/// times.
struct Patience {
  int least = 3;
  int most = 20;
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
  std::vector<double> seconds;
  const double begin = now();
  for (int count = 0; count < patience.most; ++count) {
    const double start = now();
    if (count >= patience.least && start - begin > patience.seconds) break;
    work();
    seconds.push_back(now() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2], static_cast<int>(seconds.size())};
}

}  // namespace byzccl::bench
