// SPDX-License-Identifier: MIT
// What the library's own code knows about rules and steps beyond the public rows.

#pragma once

#include <byzccl/rule.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace byzccl {

/// A lower bound on n: n >= per_f f + extra. Where all sets are walked, also one on their number;
/// where work grows as a power of f, one on f.
struct Bound {
  std::string_view text;
  int per_f;
  int extra;
  std::int64_t most_sets = 0;  ///< C(n, f) is at most this; 0: whatever
  std::int64_t most_f = kMaxVectors;
};

/// Where a parameter of that name lies in a T: a Rule or a Step.
template <class T>
struct Parameter {
  std::string_view name;
  double least;
  std::optional<std::int64_t> T::*integer;  ///< null for a real parameter
  std::optional<double> T::*real;           ///< null for an integer parameter
  bool above = false;                       ///< the least value itself is out of bounds
};

/// What rules and steps have in common.
struct Signature {
  std::string_view name;
  std::span<const ParameterInfo> parameters;
};
inline Signature signature_of(const RuleInfo& row) { return {row.name, row.parameters}; }
inline Signature signature_of(const StepInfo& row) { return {row.name, row.parameters}; }

template <class T>
std::span<const Parameter<T>> all_parameters();
template <class T>
const Parameter<T>& parameter_named(std::string_view name);

template <class T>
bool is_given(const Parameter<T>& parameter, const T& value) {
  return parameter.integer ? (value.*parameter.integer).has_value()
                           : (value.*parameter.real).has_value();
}

const StepInfo& row_of(StepKind kind);
/// The row of that name or alias; null if there is none.
const RuleInfo* row_named(std::string_view name);
const StepInfo* step_named(std::string_view name);
const Bound& bound_of(std::string_view text);

[[noreturn]] void throw_no_parameter(const Signature& signature, std::string_view name);

/// A rule without parameters behind the steps.
Rule steps_before(const PreAggregation& steps, RuleKind kind);

/// Checks all that can be checked before n is known, of the steps too. @throws InvalidArgument
void check_parameters(const Rule& rule);

}  // namespace byzccl
