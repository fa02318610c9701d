// SPDX-License-Identifier: MIT
// The rules that a collective is tested with.

#pragma once

#include <byzccl/rule.hpp>
#include <vector>

namespace byzccl::test {

/// Every rule with the largest f that n allows, and steps before rules; those whose bound no f
/// meets are left out.
std::vector<Rule> every_rule(int n);

}  // namespace byzccl::test
