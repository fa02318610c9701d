// SPDX-License-Identifier: MIT
// The figures of one n, d and dtype on the device: each step by itself, the peer, every rule.

#pragma once

#include <functional>
#include <set>
#include <string>

#include "benchmarks/figure.hpp"
#include "benchmarks/gpu/rates.hpp"
#include "benchmarks/gpu/vectors.hpp"

namespace byzccl::bench {

/// What a group's figures are measured with.
struct DeviceSetup {
  const DeviceVectors& vectors;
  const Timer& timer;
  const DeviceRates& rates;
  std::set<std::string> steps;  ///< which of them
};

/// The steps there are, in order.
inline const std::vector<std::string> kDeviceSteps{"distances", "peer",   "weighted_sum",
                                                   "columns",   "select", "aggregate"};

/// Calls found(figure) for each: the step, what figure.hpp says (seconds: the median; bytes by the
/// copy rate), best_seconds, repetitions, and
///   bytes_per_second, copy_share  what the counted bytes came to, and as a share of the copy rate
///   enqueue_seconds               of "aggregate": what one call takes on the host
///   failed                        true where the rule failed closed
///   goal, met                     where there is one (goals.hpp)
/// "select" has no floor. "peer" is one launch per pair in float32, with byzccl_seconds and ratio
/// as the peers' figures of the CPU have them, and relative_error: of our sums from its.
void measure_on_device(const Group& group, const DeviceSetup& setup,
                       const std::function<void(Json)>& found);

}  // namespace byzccl::bench
