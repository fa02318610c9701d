// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/goals.hpp"

#include <set>

namespace byzccl::bench {
namespace {

constexpr std::int64_t kColumns = 25'600'000;

std::string rule_name(const Json& figure) {
  const std::string text = figure.value("rule", "");
  return text.substr(0, text.find('('));
}

std::optional<Goal> select_goal(const Json& figure) {
  static const std::set<std::string> kQuick{"krum", "multi_krum", "guarded_mean", "cge", "monna"};
  if (figure["n"].get<int>() > 64 || kQuick.count(rule_name(figure)) == 0) return std::nullopt;
  return Goal{"seconds", 20e-6, false};
}

}  // namespace

std::optional<Goal> goal_of(const Json& figure) {
  const std::string step = figure["step"];
  const int n = figure["n"];
  const std::string dtype = figure["dtype"];
  if (step == "select") return select_goal(figure);
  if (figure["d"].get<std::int64_t>() < kColumns || dtype == "float64") return std::nullopt;
  if (step == "distances" && n <= 64) return Goal{"share", n <= 16 ? 0.85 : 0.60};
  if (step == "columns" && n <= 16 && dtype == "float32") return Goal{"copy_share", 0.85};
  if (step == "columns" && n == 32) return Goal{"copy_share", 0.60};
  if (step == "aggregate" && rule_name(figure) == "krum" && n == 16 && dtype == "float32") {
    return Goal{"share", 1 / 1.15};
  }
  return std::nullopt;
}

}  // namespace byzccl::bench
