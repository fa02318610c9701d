// SPDX-License-Identifier: MIT
// The names of the algorithms.

#include <byzccl/communicator.hpp>
#include <byzccl/error.hpp>

#include "csrc/text_length.hpp"

namespace byzccl {

std::string_view to_text(Algorithm algorithm) {
  return algorithm == Algorithm::kRing ? "ring" : "sharded";
}

Algorithm parse_algorithm(std::string_view text) {
  check_length(text, "an algorithm");
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    if (text == to_text(algorithm)) return algorithm;
  }
  throw InvalidArgument(concat("unknown algorithm \"", text, "\"; there are sharded and ring"));
}

}  // namespace byzccl
