// SPDX-License-Identifier: MIT
// One figure: what was measured, and its floor.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rule.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "benchmarks/floors.hpp"
#include "benchmarks/record.hpp"

namespace byzccl::bench {

struct Group {
  int n = 0;
  std::int64_t d = 0;
  DType dtype = DType::kFloat32;
};

/// step, rule (if not empty), n, d, dtype.
Json begin_figure(const std::string& step, const std::string& rule, const Group& group);

/// Adds seconds, and
///   bytes, operations  what floor_seconds is made of; operations are float32
///   binds              "memory" or "arithmetic", the longer side of the floor
///   share              floor_seconds / seconds
void add_floor(Json& figure, double seconds, const std::vector<Need>& passes, const Rates& rates,
               double bytes_per_second);

/// How many vectors have a share of the outcome.
int selected_count(const std::vector<double>& weights);

}  // namespace byzccl::bench
