// SPDX-License-Identifier: MIT
// What the first rank shows: the columns of nccl-tests, and JSON.

#pragma once

#include <cstdint>

#include "benchmarks/all_reduce_perf/meeting.hpp"
#include "benchmarks/all_reduce_perf/options.hpp"
#include "benchmarks/record.hpp"

namespace byzccl::bench {

class Table {
 public:
  /// Prints the head.
  explicit Table(const Options& options);
  /// Prints the line of a size, and saves the JSON.
  void add(std::int64_t bytes, const Meeting::Note& note);

 private:
  const Options& options_;
  Record record_;
};

}  // namespace byzccl::bench
