// SPDX-License-Identifier: MIT
// What a figure should reach on a GPU of the H200's class, from 25.6 million columns on.

#pragma once

#include <optional>
#include <string>

#include "benchmarks/record.hpp"

namespace byzccl::bench {

struct Goal {
  std::string key;  ///< of the figure
  double bound = 0;
  bool at_least = true;  ///< false: at most

  bool met(const Json& figure) const {
    const double value = figure.at(key).get<double>();
    return at_least ? value >= bound : value <= bound;
  }
};

/// None for most figures.
std::optional<Goal> goal_of(const Json& figure);

}  // namespace byzccl::bench
