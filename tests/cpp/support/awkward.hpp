// SPDX-License-Identifier: MIT
// Every rule behind every step, and inputs on which arithmetic goes astray: for what holds whatever
// the numbers are.

#pragma once

#include <string>
#include <vector>

#include "support/stack.hpp"

namespace byzccl::test {

/// Every rule alone and behind steps, each with the largest f below n / 3 that its bound allows.
std::vector<std::string> every_rule_behind_steps(int n);

struct Awkward {
  std::string name;
  std::vector<Row> rows;
};

/// n vectors [d] each: zeros, NaN, infinities, values at both ends of the dtype's range, ties, and
/// all of them at once.
std::vector<Awkward> awkward_inputs(int n, std::int64_t d, DType dtype);

}  // namespace byzccl::test
