// SPDX-License-Identifier: MIT
// The selectors' rules, to run one test over all of them.

#pragma once

#include <string>
#include <vector>

namespace byzccl::test {

/// The rules of a selector at n rows, f of them bad, where their bounds hold.
inline std::vector<std::string> rules_at(int n, int f) {
  const std::string of_f = "(f=" + std::to_string(f);
  std::vector<std::string> rules{
      "mda" + of_f + ")",
      "guarded_mean" + of_f + ")",
      "geometric_median" + of_f + ")",
      "cge" + of_f + ")",
      "caf" + of_f + ")",
      "faba" + of_f + ")",
      "centered_clipping(tau=2,f=" + std::to_string(f) + ",iterations=3)"};
  if (n <= 12 || f <= 1) rules.push_back("smea" + of_f + ")");  // more sets take long
  if (n >= 2 * f + 3) {
    rules.push_back("krum" + of_f + ")");
    rules.push_back("krum" + of_f + ",neighbors=1)");
    rules.push_back("multi_krum" + of_f + ")");
    rules.push_back("multi_krum" + of_f + ",m=" + std::to_string(n - f) + ")");
  }
  if (n >= 4 * f + 3) {
    rules.push_back("bulyan" + of_f + ")");
    rules.push_back("multi_bulyan" + of_f + ")");
  }
  return rules;
}

}  // namespace byzccl::test
