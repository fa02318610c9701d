// SPDX-License-Identifier: MIT
// The command line of nccl-tests' all_reduce_perf, and what is ours besides.

#pragma once

#include <byzccl/communicator.hpp>
#include <byzccl/dtype.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace byzccl::bench {

struct Options {
  std::int64_t min_bytes = std::int64_t{32} << 20;
  std::int64_t max_bytes = std::int64_t{32} << 20;
  std::int64_t step_bytes = std::int64_t{1} << 20;  ///< unless there is a factor
  int factor = 0;
  int iterations = 20;
  int warmup = 5;
  bool check = true;
  int threads = 1;  ///< ranks are threads x gpus, a process each
  int gpus = 1;
  DType dtype = DType::kFloat32;
  std::string rule;  ///< never empty once parsed
  Algorithm algorithm = Algorithm::kSharded;
  int byzantine = 0;  ///< the last ranks
  std::string attack = "sign_flip";
  bool as_threads = false;  ///< ranks are threads of one process, a GPU each
  int timeout_seconds = 60;
  std::string json;
  std::string commit;

  int ranks() const { return threads * gpus; }
  /// Bytes of each line, ascending.
  std::vector<std::int64_t> sizes() const;
};

/// Reads the arguments. Ends the program after --help and after a mistake. @throws InvalidArgument
/// if the rule does not suit the ranks.
Options parse_options(int argc, char** argv);

}  // namespace byzccl::bench
