// SPDX-License-Identifier: MIT
// What the library's own code knows about a rule beyond its public row.

#pragma once

#include <byzccl/rule.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace byzccl {

/// A lower bound on n: n >= per_f f + extra. Where all sets are walked, also one on their number.
struct Bound {
  std::string_view text;
  int per_f;
  int extra;
  std::int64_t most_sets = 0;  ///< C(n, f) is at most this; 0: whatever
};

/// Where a parameter of that name lies in a Rule, whichever rule has it.
struct Parameter {
  std::string_view name;
  double least;
  std::optional<std::int64_t> Rule::*integer;  ///< null for a real parameter
  std::optional<double> Rule::*real;           ///< null for an integer parameter
};

std::span<const Parameter> all_parameters();
const Parameter& parameter_named(std::string_view name);
bool is_given(const Parameter& parameter, const Rule& rule);

const RuleInfo& row_of(RuleKind kind);
/// The row of that name or alias; null if there is none.
const RuleInfo* row_named(std::string_view name);
const Bound& bound_of(const RuleInfo& row);

[[noreturn]] void throw_no_parameter(const RuleInfo& row, std::string_view name);

/// Checks all that can be checked before n is known. @throws InvalidArgument
void check_parameters(const Rule& rule);

}  // namespace byzccl
