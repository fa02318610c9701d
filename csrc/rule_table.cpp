// SPDX-License-Identifier: MIT
// One row a rule or step: its names, its bound, its parameters in the order in which they are
// printed.

#include "csrc/rule_table.hpp"

#include <array>
#include <byzccl/error.hpp>
#include <cmath>
#include <string>

namespace byzccl {
namespace {

constexpr Bound kNonEmpty{"n >= 1", 0, 1};
constexpr Bound kMajority{"n >= 2 f + 1", 2, 1};
constexpr Bound kKrumBound{"n >= 2 f + 3", 2, 3};
constexpr Bound kBulyanBound{"n >= 4 f + 3", 4, 3};
constexpr Bound kSmeaBound{"n >= 2 f + 1 and C(n, f) <= 1000000", 2, 1, 1'000'000};
/// mda takes at most 2^23.7 rounds that look at n rows each (rules/mda.hpp). No f of n <= 64 is
/// refused.
constexpr Bound kMdaBound{"n >= 2 f + 1 and f <= 31", 2, 1, 0, 31};
constexpr std::array kBounds{kNonEmpty, kMajority, kKrumBound, kBulyanBound, kSmeaBound, kMdaBound};

constexpr std::array<Parameter<Rule>, 6> kParameters{{
    {"f", 0, &Rule::f, nullptr},
    {"m", 1, &Rule::m, nullptr},
    {"neighbors", 1, &Rule::neighbors, nullptr},
    {"iterations", 1, &Rule::iterations, nullptr},
    {"threshold", 1, nullptr, &Rule::threshold},
    {"tau", 0, nullptr, &Rule::tau, true},
}};

constexpr std::array<Parameter<Step>, 4> kStepParameters{{
    {"s", 1, &Step::s, nullptr},
    {"seed", 0, &Step::seed, nullptr},
    {"tau", 0, nullptr, &Step::tau, true},
    {"f", 0, &Step::f, nullptr},
}};

constexpr ParameterInfo kF{"f", true, "f >= 0"};
constexpr ParameterInfo kOptionalF{"f", false, "f >= 0", "floor((n - 1) / 2)"};
constexpr ParameterInfo kM{"m", false, "1 <= m <= n - f", "n - f - 2"};
constexpr ParameterInfo kNeighbors{"neighbors", false, "1 <= neighbors <= n - f - 1", "n - f - 2"};
constexpr ParameterInfo kIterations{"iterations", false, "1 <= iterations <= 2147483647", "32"};
constexpr ParameterInfo kOneIteration{"iterations", false, "1 <= iterations <= 2147483647", "1"};
constexpr ParameterInfo kThreshold{"threshold", false, "threshold >= 1", "9", true};

constexpr ParameterInfo kS{"s", true, "1 <= s <= n"};
constexpr ParameterInfo kSeed{"seed", false, "seed >= 0", "0"};
constexpr ParameterInfo kTau{"tau", true, "tau > 0", {}, true};

constexpr ParameterInfo kStepF{"f", false, "f >= 0", "the rule's f"};

constexpr std::array kOnlyF{kF};
constexpr std::array kOnlyStepF{kStepF};
constexpr std::array kBucketingParameters{kS, kSeed};
constexpr std::array kOnlyTau{kTau};
constexpr std::array kOnlyOptionalF{kOptionalF};
constexpr std::array kKrumParameters{kF, kNeighbors};
constexpr std::array kMultiKrumParameters{kF, kM, kNeighbors};
constexpr std::array kGeometricMedianParameters{kOptionalF, kIterations};
constexpr std::array kCenteredClippingParameters{kTau, kOptionalF, kOneIteration};
constexpr std::array kGuardedMeanParameters{kF, kThreshold};

constexpr std::array<RuleInfo, 18> kRules{{
    {RuleKind::kKrum, "krum", kKrumBound.text,
     "the one vector closest to its neighbours; cheap, but learns from one rank a step",
     kKrumParameters},
    {RuleKind::kMultiKrum, "multi_krum", kKrumBound.text,
     "mean of the m vectors that Krum ranks best; less noise than krum", kMultiKrumParameters},
    {RuleKind::kMda, "mda", kMdaBound.text,
     "mean of the n - f vectors that lie closest together; exact, costly for large f", kOnlyF},
    {RuleKind::kBulyan, "bulyan", kBulyanBound.text,
     "Krum's choices, then trimmed by column; for few bad ranks; order of ranks counts if f <= 2",
     kOnlyF},
    {RuleKind::kMultiBulyan, "multi_bulyan", kBulyanBound.text,
     "Multi-Krum's means of ever fewer vectors, then trimmed by column; Garfield's bulyan", kOnlyF},
    {RuleKind::kGeometricMedian, "geometric_median", kMajority.text,
     "the point of least total distance; needs no f", kGeometricMedianParameters},
    {RuleKind::kCge, "cge", kMajority.text,
     "mean of the n - f vectors of smallest norm; cheap, blind to small wrong vectors", kOnlyF},
    {RuleKind::kMonna, "monna", kMajority.text,
     "mean of the own vector and those nearest to it; differs by rank, so not for all_reduce",
     kOnlyF},
    {RuleKind::kSmea, "smea", kSmeaBound.text,
     "mean of the n - f vectors of least variance in any direction; exact, walks all sets", kOnlyF},
    {RuleKind::kCaf, "caf", kMajority.text,
     "vectors lose weight along the direction of largest variance; for f near n / 2", kOnlyF},
    {RuleKind::kFaba, "faba", kMajority.text,
     "leaves out f times the vector farthest from the mean; simple and cheap", kOnlyF},
    {RuleKind::kCenteredClipping, "centered_clipping", kMajority.text,
     "the previous output, pulled by each vector at most tau far; for workers with momentum",
     kCenteredClippingParameters, true},
    {RuleKind::kGuardedMean, "guarded_mean", kMajority.text,
     "the plain mean unless a vector lies far out; against faults, not against attackers",
     kGuardedMeanParameters},
    {RuleKind::kMean, "mean", kNonEmpty.text, "the plain mean: no protection; to compare with", {}},
    {RuleKind::kMedian, "median", kMajority.text,
     "the middle value of each column; needs no f and no distances", kOnlyOptionalF},
    {RuleKind::kTrimmedMean, "trimmed_mean", kMajority.text,
     "mean of each column without its f smallest and f largest values; no distances", kOnlyF},
    {RuleKind::kMeamed, "meamed", kMajority.text,
     "mean of the n - f values of each column nearest to its median; no distances", kOnlyF},
    {RuleKind::kPhocas, "phocas", kMajority.text,
     "mean of the n - f values of each column nearest to its trimmed mean; no distances", kOnlyF},
}};

constexpr std::array<StepInfo, 4> kSteps{{
    {StepKind::kBucketing, "bucketing", kNonEmpty.text,
     "means of s vectors drawn at random; for ranks whose data differ", kBucketingParameters,
     &Rule::bucketing},
    {StepKind::kClip, "clip", kNonEmpty.text, "scales vectors down to norm tau", kOnlyTau,
     &Rule::scaling},
    {StepKind::kArc, "arc", kMajority.text,
     "scales the longest vectors down to the norm of one that is not; clip without a tau",
     kOnlyStepF, &Rule::scaling},
    {StepKind::kNnm, "nnm", kMajority.text,
     "each vector becomes the mean of its n - f nearest; for ranks whose data differ", kOnlyStepF,
     &Rule::nnm},
}};

struct Alias {
  std::string_view name;
  RuleKind kind;
};
constexpr std::array<Alias, 1> kAliases{{{"brute", RuleKind::kMda}}};

const ParameterInfo* find_parameter(const Signature& signature, std::string_view name) {
  for (const ParameterInfo& info : signature.parameters) {
    if (info.name == name) return &info;
  }
  return nullptr;
}

template <class T>
void check_least(const Signature& signature, const ParameterInfo& info, const T& owner) {
  const Parameter<T>& parameter = parameter_named<T>(info.name);
  if (parameter.integer) {
    const std::int64_t value = *(owner.*parameter.integer);
    BYZCCL_CHECK(value >= static_cast<std::int64_t>(parameter.least), signature.name, " needs ",
                 info.bound, ", got ", info.name, " = ", value);
  } else {
    const double value = *(owner.*parameter.real);
    const bool enough = parameter.above ? value > parameter.least : value >= parameter.least;
    BYZCCL_CHECK(std::isfinite(value) && enough, signature.name, " needs ", info.bound, ", got ",
                 info.name, " = ", value);
  }
}

template <class T>
void check_all(const Signature& signature, const T& owner) {
  for (const Parameter<T>& parameter : all_parameters<T>()) {
    if (!is_given(parameter, owner)) continue;
    const ParameterInfo* info = find_parameter(signature, parameter.name);
    if (!info) throw_no_parameter(signature, parameter.name);
    check_least(signature, *info, owner);
  }
  for (const ParameterInfo& info : signature.parameters) {
    BYZCCL_CHECK(!info.required || is_given(parameter_named<T>(info.name), owner), signature.name,
                 " needs ", info.name);
  }
}

}  // namespace

std::span<const RuleInfo> rule_table() { return kRules; }
std::span<const StepInfo> step_table() { return kSteps; }

template <>
std::span<const Parameter<Rule>> all_parameters<Rule>() {
  return kParameters;
}
template <>
std::span<const Parameter<Step>> all_parameters<Step>() {
  return kStepParameters;
}

template <class T>
const Parameter<T>& parameter_named(std::string_view name) {
  for (const Parameter<T>& parameter : all_parameters<T>()) {
    if (parameter.name == name) return parameter;
  }
  throw_invalid_argument(concat("nothing has a parameter \"", name, "\""));
}
template const Parameter<Rule>& parameter_named<Rule>(std::string_view name);
template const Parameter<Step>& parameter_named<Step>(std::string_view name);

const RuleInfo& row_of(RuleKind kind) {
  for (const RuleInfo& row : kRules) {
    if (row.kind == kind) return row;
  }
  throw_invalid_argument(concat("no rule has the kind ", static_cast<int>(kind)));
}

const StepInfo& row_of(StepKind kind) {
  for (const StepInfo& row : kSteps) {
    if (row.kind == kind) return row;
  }
  throw_invalid_argument(concat("no step has the kind ", static_cast<int>(kind)));
}

const RuleInfo* row_named(std::string_view name) {
  for (const RuleInfo& row : kRules) {
    if (row.name == name) return &row;
  }
  for (const Alias& alias : kAliases) {
    if (alias.name == name) return &row_of(alias.kind);
  }
  return nullptr;
}

const StepInfo* step_named(std::string_view name) {
  for (const StepInfo& row : kSteps) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const Bound& bound_of(std::string_view text) {
  for (const Bound& bound : kBounds) {
    if (bound.text == text) return bound;
  }
  throw_invalid_argument(concat("no numbers for the bound ", text));
}

void throw_no_parameter(const Signature& signature, std::string_view name) {
  std::string known;
  for (const ParameterInfo& info : signature.parameters) {
    known += known.empty() ? "" : ", ";
    known += info.name;
  }
  throw_invalid_argument(concat(signature.name, " has no parameter \"", name, "\"; it has ",
                                known.empty() ? "none" : known));
}

Rule steps_before(const PreAggregation& steps, RuleKind kind) {
  Rule rule{.kind = kind};
  rule.bucketing = steps.bucketing;
  rule.scaling = steps.scaling;
  rule.nnm = steps.nnm;
  return rule;
}

void check_parameters(const Rule& rule) {
  for (const StepInfo& row : kSteps) {
    const std::optional<Step>& step = rule.*row.place;
    if (!step) continue;
    BYZCCL_CHECK(row_of(step->kind).place == row.place, row_of(step->kind).name,
                 " is not in its place of the rule");
    if (step->kind == row.kind) check_all(signature_of(row), *step);
  }
  check_all(signature_of(row_of(rule.kind)), rule);
  BYZCCL_CHECK(!rule.bucketing || rule.kind != RuleKind::kMonna,
               "monna cannot come behind bucketing: no bucket is the caller's own vector");
}

}  // namespace byzccl
