// SPDX-License-Identifier: MIT
// A robust rule, its text form, and what it needs from the rest of the library.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rules/team.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace byzccl {

/// Most vectors of one aggregation, one per rank.
inline constexpr int kMaxVectors = 256;

enum class RuleKind : std::uint8_t {
  kMean,
  kKrum,
  kMultiKrum,
  kMda,
  kBulyan,
  kMultiBulyan,
  kGeometricMedian,
  kCge,
  kMonna,
  kSmea,
  kCaf,
  kFaba,
  kCenteredClipping,
  kGuardedMean,
  kMedian,
  kTrimmedMean,
  kMeamed,
  kPhocas,
};

enum class StepKind : std::uint8_t { kBucketing, kClip, kArc, kNnm };

/// A step before a rule, with its parameters as they were written.
struct Step {
  StepKind kind = StepKind::kNnm;
  std::optional<std::int64_t> s = std::nullopt;     ///< vectors of a bucket
  std::optional<std::int64_t> seed = std::nullopt;  ///< of the buckets' permutation
  std::optional<double> tau = std::nullopt;         ///< largest norm that clip leaves
  std::optional<std::int64_t> f = std::nullopt;     ///< Byzantine rows tolerated

  bool operator==(const Step&) const = default;
};

/// A rule with its parameters as they were written: what was left out stays out. The steps come
/// before it in the order of their members.
struct Rule {
  RuleKind kind = RuleKind::kMean;
  std::optional<std::int64_t> f = std::nullopt;           ///< Byzantine vectors tolerated
  std::optional<std::int64_t> m = std::nullopt;           ///< vectors averaged
  std::optional<std::int64_t> neighbors = std::nullopt;   ///< q of Krum's scores
  std::optional<std::int64_t> iterations = std::nullopt;  ///< steps of an iterative rule
  std::optional<double> threshold = std::nullopt;         ///< of guarded_mean, in units of M
  std::optional<double> tau = std::nullopt;               ///< longest pull of centered_clipping
  std::optional<Step> bucketing = std::nullopt;
  std::optional<Step> scaling = std::nullopt;  ///< clip or arc
  std::optional<Step> nnm = std::nullopt;

  /// Reads `krum(f=2)` or `bucketing(s=2)+nnm+krum(f=2)`; spaces between tokens are ignored.
  /// At most 400 characters. @throws InvalidArgument with what is known or which bound broke.
  static Rule parse(std::string_view text);

  bool operator==(const Rule&) const = default;
};

/// The canonical text: parse(to_text(rule)) == rule.
std::string to_text(const Rule& rule);

/// Steps without a rule: what pre_aggregate() takes. In the order of the members, at least one.
struct PreAggregation {
  std::optional<Step> bucketing = std::nullopt;
  std::optional<Step> scaling = std::nullopt;  ///< clip or arc
  std::optional<Step> nnm = std::nullopt;

  /// Reads `arc+nnm(f=2)`, as Rule::parse reads what stands before a rule. @throws InvalidArgument
  static PreAggregation parse(std::string_view text);

  bool operator==(const PreAggregation&) const = default;
};

/// The canonical text: parse(to_text(steps)) == steps.
std::string to_text(const PreAggregation& steps);

/// One parameter of a rule or step, as its table knows it.
struct ParameterInfo {
  std::string_view name;
  bool required;
  std::string_view bound;          ///< in words and letters, for messages and lists
  std::string_view fallback = {};  ///< what it is if left out, such as "n - f - 2"
  bool real = false;               ///< else an integer
};

/// One rule, as the rule's table knows it: what `byzccl.rules()` and the command line list.
struct RuleInfo {
  RuleKind kind;
  std::string_view name;
  std::string_view bound;                     ///< on n, such as "n >= 2 f + 3"
  std::string_view advice;                    ///< one line: when to use it
  std::span<const ParameterInfo> parameters;  ///< in the order in which they are printed
  bool needs_previous = false;                ///< the result depends on the previous output
};

using StepPlace = std::optional<Step> Rule::*;

/// One step. Of steps with the same place a rule has at most one.
struct StepInfo {
  StepKind kind;
  std::string_view name;
  std::string_view bound;   ///< on n
  std::string_view advice;  ///< one line: what it does
  std::span<const ParameterInfo> parameters;
  StepPlace place;
};

/// Every rule, in the order of RULES sections 3 and 4.
std::span<const RuleInfo> rule_table();
/// Every step, in the order in which they come.
std::span<const StepInfo> step_table();

/// The row of that kind.
const RuleInfo& row_of(RuleKind kind);

/// The last step.
enum class Combiner : std::uint8_t {
  kWeightedSum,  ///< one row of W: sum of the selected vectors, or each times its weight
  kColumns,      ///< each column is sorted and a window of it averaged
};

/// Where the window of a sorted column lies.
enum class WindowKind : std::uint8_t {
  kMedian,              ///< the middle value, or 0.5 a + 0.5 b of the two middle ones
  kTrimmed,             ///< v[f .. rows - 1 - f]
  kNearestMedian,       ///< the `keep` values nearest to the median
  kNearestUpperMedian,  ///< the `keep` means nearest to v[rows / 2], ties but for rounding
  kNearestTrimmed,      ///< the `keep` values nearest to the mean of v[f .. rows - 1 - f]
};

struct Window {
  WindowKind kind = WindowKind::kMedian;
  int rows = 0;  ///< values of a column
  int f = 0;     ///< a column of which more than f values are not finite gives NaN
  int keep = 0;  ///< of the nearest windows; at least 1
};

/// Every rule is three steps, and the library knows a rule only by this description of them:
///
///     x [n, d]  --distances-->  D [n, n]  --selector-->  W [rows, n]  --combiner-->  out [d]
///
/// Steps before the rule change what D is taken between (bucketing, clip, arc) or D itself (nnm);
/// W then has the net weights of the vectors.
///
/// Plain data with every default resolved: it is passed to kernels by value.
struct Plan {
  RuleKind kind = RuleKind::kMean;
  int ranks = 1;  ///< vectors that come in
  int n = 1;      ///< rows that D and the rule have: the vectors, or their buckets
  int f = 0;
  int own = -1;        ///< the caller's own vector, where the rule needs it; set by who knows it
  int q = 0;           ///< neighbours of a Krum score
  int m = 0;           ///< vectors averaged, where the rule fixes their number; else 0
  int iterations = 0;  ///< of geometric_median and centered_clipping
  double threshold = 0;
  double pull = 0;               ///< tau of centered_clipping
  double infinite_above = 0;     ///< a distance above this counts as infinite in a reach
  bool needs_distances = false;  ///< false: the first step is skipped and D is not read
  int lines = 0;                 ///< of D: n, and one more for the norms or the previous output
  bool needs_previous = false;  ///< line n of D is that of the previous output v, else of the norms
  int bucket = 0;               ///< vectors of a bucket; 0: no bucketing
  std::int64_t seed = 0;        ///< of the buckets
  std::int64_t step = 0;  ///< exchanges before this one: no two have the same buckets; set by who
                          ///< knows it
  bool needs_norms = false;  ///< clip or arc: the norms are needed before the distances
  double tau = 0;            ///< largest norm of clip; 0: arc
  int longest = 0;           ///< rows that arc scales down
  int nnm_f = -1;            ///< f of nnm; -1: no nnm
  bool needs_own = false;    ///< the result depends on whose vector is `own`
  int rows = 0;  ///< most rows W can have; 0: no selector, the combiner takes the vectors as sent

  /// Whether line n of D has the squared norms.
  BYZCCL_HD bool has_norm_line() const { return lines > n && !needs_previous; }

  BYZCCL_HD bool has_steps() const { return bucket > 0 || needs_norms || nnm_f >= 0; }

  Combiner combiner = Combiner::kWeightedSum;
  Window window;  ///< only for kColumns
};

/// Describes `rule` for n vectors of `dtype`.
/// @throws InvalidArgument if n is not in [1, kMaxVectors] or breaks the rule's own bound, with
///         the bound and the numbers: "krum needs n >= 2 f + 3, got n = 6, f = 2". The same for a
///         step's bound. Behind bucketing n is the number of buckets, and both counts are given.
Plan plan(const Rule& rule, int n, DType dtype);

/// Describes the steps alone: plan.n rows come out, and W has the net weights of each that is
/// there. An f that is left out is floor((n - 1) / 2) of the n that the step is given.
/// @throws InvalidArgument if n is not in [1, kMaxVectors], there is no step, or a step's bound is
///         broken, in the words of the other plan()
Plan plan(const PreAggregation& steps, int n, DType dtype);

}  // namespace byzccl
