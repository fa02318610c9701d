// SPDX-License-Identifier: MIT
// What is measured: every rule of the table, and steps before one.

#pragma once

#include <byzccl/rule.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace byzccl::bench {

/// f at n: the most that the rules with the strictest common bound, n >= 4 f + 3, allow.
int byzantine(int n);

/// One text for each rule of the table, with f as above (smea: at most so many that it decides
/// between 1,000 sets) and tau at the norm of an honest vector, then steps before a rule.
std::vector<std::string> rule_texts(int n, std::int64_t d);

/// The column rules alone.
std::vector<std::string> column_rule_texts(int n);

}  // namespace byzccl::bench
