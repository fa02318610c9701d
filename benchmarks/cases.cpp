// SPDX-License-Identifier: MIT
#include "benchmarks/cases.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <charconv>
#include <cmath>

namespace byzccl::bench {
namespace {

// smea solves an eigenproblem for each set of n - f vectors.
constexpr double kMostSets = 1000;
// Of the cubes that the rule allows.
constexpr double kMostCubes = 1e9;

double sets_of(int n, int f) {
  double sets = 1;
  for (int k = 1; k <= f; ++k) sets = sets * (n - f + k) / k;
  return sets;
}

int byzantine(const RuleInfo& row, int n) {
  int f = bench::byzantine(n);
  const auto is_too_much = [&] {
    const double sets = sets_of(n, f);
    return sets > kMostSets || sets * std::pow(n - f, 3) > kMostCubes;
  };
  while (row.kind == RuleKind::kSmea && is_too_much()) --f;
  return f;
}

std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// f is given wherever it can be; of the rest only what must be.
std::string text_of(const RuleInfo& row, int n, std::int64_t d) {
  std::string text(row.name);
  char before = '(';
  for (const ParameterInfo& parameter : row.parameters) {
    std::string value;
    if (parameter.name == "f") {
      value = std::to_string(byzantine(row, n));
    } else if (!parameter.required) {
      continue;
    } else if (parameter.name == "tau") {
      value = shortest(std::round(std::sqrt(static_cast<double>(d))));
    } else {
      BYZCCL_CHECK(false, "no value to measure ", row.name, " with: ", parameter.name);
    }
    text += before + std::string(parameter.name) + "=" + value;
    before = ',';
  }
  return before == ',' ? text + ")" : text;
}

}  // namespace

int byzantine(int n) { return std::max(0, (n - 3) / 4); }

std::vector<std::string> rule_texts(int n, std::int64_t d) {
  std::vector<std::string> texts;
  for (const RuleInfo& row : rule_table()) texts.push_back(text_of(row, n, d));
  const std::string f = std::to_string(byzantine(n));
  const std::string tau = shortest(std::round(std::sqrt(static_cast<double>(d))));
  texts.push_back("nnm(f=" + f + ")+mean");
  texts.push_back("clip(tau=" + tau + ")+mean");
  texts.push_back("arc(f=" + f + ")+mean");
  texts.push_back("bucketing(s=2)+mean");
  texts.push_back("nnm+trimmed_mean(f=" + f + ")");
  return texts;
}

std::vector<std::string> column_rule_texts(int n) {
  std::vector<std::string> texts;
  for (const RuleInfo& row : rule_table()) {
    const std::string text = text_of(row, n, 1);
    const Plan plan = byzccl::plan(Rule::parse(text), n, DType::kFloat32);
    if (plan.combiner == Combiner::kColumns && plan.rows == 0) texts.push_back(text);
  }
  return texts;
}

}  // namespace byzccl::bench
