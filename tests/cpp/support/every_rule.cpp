// SPDX-License-Identifier: MIT
#include "support/every_rule.hpp"

#include <byzccl/error.hpp>
#include <string>

namespace byzccl::test {

std::vector<Rule> every_rule(int n) {
  std::vector<std::string> texts = {
      "mean",
      "geometric_median",
      concat("mda(f=", (n - 1) / 2, ")"),
      concat("guarded_mean(f=", (n - 1) / 2, ", threshold=1)"),
      "median",
      concat("trimmed_mean(f=", (n - 1) / 2, ")"),
      concat("meamed(f=", (n - 1) / 2, ")"),
      concat("phocas(f=", (n - 1) / 2, ")"),
      concat("cge(f=", (n - 1) / 2, ")"),
      concat("smea(f=", (n - 1) / 3, ")"),
      concat("caf(f=", (n - 1) / 2, ")"),
      concat("faba(f=", (n - 1) / 2, ")"),
      concat("centered_clipping(tau=20,f=", (n - 1) / 2, ",iterations=2)"),
  };
  if (n >= 3) {
    texts.push_back(concat("krum(f=", (n - 3) / 2, ")"));
    texts.push_back(concat("multi_krum(f=", (n - 3) / 2, ")"));
    texts.push_back(concat("bulyan(f=", (n - 3) / 4, ")"));
    texts.push_back(concat("multi_bulyan(f=", (n - 3) / 4, ")"));
  }
  texts.push_back("bucketing(s=1)+mean");
  texts.push_back("nnm+mean");
  texts.push_back("clip(tau=0.5)+median");
  texts.push_back("arc+nnm+geometric_median");
  texts.push_back("clip(tau=30)+cge(f=0)");
  texts.push_back("clip(tau=9)+nnm+centered_clipping(tau=5)");
  if (n >= 2) {
    texts.push_back("bucketing(s=2,seed=7)+trimmed_mean(f=0)");
    texts.push_back("bucketing(s=2)+clip(tau=3)+nnm+mda(f=0)");
    texts.push_back("bucketing(s=2)+arc(f=0)+faba(f=0)");
  }
  if (n >= 5) texts.push_back("clip(tau=20)+nnm+krum(f=1)");
  std::vector<Rule> rules;
  for (const std::string& text : texts) rules.push_back(Rule::parse(text));
  return rules;
}

}  // namespace byzccl::test
