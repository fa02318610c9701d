// SPDX-License-Identifier: MIT
#include "csrc/attack_table.hpp"

#include <byzccl/error.hpp>
#include <limits>
#include <type_traits>

namespace byzccl::attacks {
namespace {

constexpr double kAny = -std::numeric_limits<double>::infinity();

constexpr Parameter scale(double fallback) { return {"scale", &Attack::scale, fallback, kAny}; }
constexpr Parameter value(double fallback) { return {"value", &Attack::value, fallback, kAny}; }
constexpr Parameter kTarget{"target", &Attack::target};
constexpr Parameter kSeed{"seed", &Attack::seed};
constexpr Parameter kDirection{"perturbation", &Attack::perturbation,
                               static_cast<double>(Perturbation::kStd)};

constexpr std::array kTable{
    Row{AttackKind::kNone, "none", "behaves: sends an honest vector"},
    Row{AttackKind::kSignFlip, "sign_flip", "minus the honest mean, scaled", {scale(1)}, 1},
    Row{AttackKind::kInnerProduct,
        "ipm",
        "inner product manipulation: minus twice the mean",
        {scale(2)},
        1},
    Row{AttackKind::kAlie,
        "alie",
        "a little is enough: the mean less z standard deviations",
        {Parameter{"z", &Attack::z, 0, kAny, "from n and f"}},
        1},
    Row{AttackKind::kMinMax,
        "min_max",
        "leaves the mean as far as the farthest honest pair is apart",
        {kDirection},
        1},
    Row{AttackKind::kMinSum,
        "min_sum",
        "the same bound on the sum of squared distances: stays nearer",
        {kDirection},
        1},
    Row{.kind = AttackKind::kOptimalAlie,
        .name = "optimal_alie",
        .description = "alie with the z that takes the rule's output farthest from the mean",
        .asks_rule = true},
    Row{.kind = AttackKind::kOptimalInnerProduct,
        .name = "optimal_ipm",
        .description = "ipm with the scale that takes the rule's output farthest from the mean",
        .asks_rule = true},
    Row{AttackKind::kFangKrum, "fang_krum",
        "against the mean's signs, as far as Krum still takes it"},
    Row{AttackKind::kFangTrim,
        "fang_trim",
        "beyond the honest values, on the side that the mean is not on",
        {Parameter{"scale", &Attack::scale, 2, 1}, kSeed},
        2},
    Row{AttackKind::kDissensus,
        "dissensus",
        "takes a node of gossip back from its honest neighbours",
        {scale(1)},
        1},
    Row{AttackKind::kMimic, "mimic", "repeats one honest rank", {kTarget}, 1},
    Row{AttackKind::kDrift,
        "drift",
        "honest at first, then a bias that grows with the step",
        {Parameter{"rate", &Attack::rate, 0.01, kAny}},
        1},
    Row{AttackKind::kStale,
        "stale",
        "the vector of some steps ago",
        {Parameter{"age", &Attack::age, 1}},
        1},
    Row{AttackKind::kGaussian,
        "gaussian",
        "normal noise",
        {Parameter{"sigma", &Attack::sigma, 1}},
        1},
    Row{AttackKind::kUniform, "uniform", "uniform noise in [-scale, scale)", {scale(1), kSeed}, 2},
    Row{AttackKind::kConstant, "constant", "one value in every coordinate", {value(0)}, 1},
    Row{AttackKind::kSpike,
        "spike",
        "the mean, but one coordinate is huge",
        {value(1e30), kTarget},
        2},
    Row{AttackKind::kBitFlip,
        "bit_flip",
        "honest but for one bit of one element, or of neighbours",
        {Parameter{"bit", &Attack::bit, 0, 0, "drawn"}, Parameter{"count", &Attack::count, 1, 1},
         kSeed},
        3},
    Row{AttackKind::kNan, "nan", "NaN in every coordinate"},
    Row{AttackKind::kInf, "inf", "infinity in every coordinate"},
    Row{AttackKind::kEquivocate,
        "equivocate",
        "sends its vector to some ranks and -scale times it to others",
        {scale(1)},
        1,
        true},
    Row{AttackKind::kTamper,
        "tamper",
        "sends -scale times what it relays (ring) or combined (sharded)",
        {scale(1)},
        1,
        true},
};

}  // namespace

std::span<const Row> table() { return kTable; }

const Row& row_of(AttackKind kind) {
  for (const Row& row : kTable) {
    if (row.kind == kind) return row;
  }
  throw_invalid_argument("an attack of unknown kind");
}

Attack complete(const Attack& attack) {
  Attack full = attack;
  const Row& row = row_of(attack.kind);
  for (const Parameter& parameter : row.parameters()) {
    std::visit(
        [&](auto member) {
          using T = typename std::remove_reference_t<decltype(full.*member)>::value_type;
          if (full.*member) {
            if constexpr (!std::is_enum_v<T>) {
              BYZCCL_CHECK(static_cast<double>(*(full.*member)) >= parameter.least, row.name,
                           " needs ", parameter.name, " >= ", parameter.least, ", got ",
                           parameter.name, " = ", *(full.*member));
            }
          } else if (parameter.otherwise.empty()) {
            full.*member = static_cast<T>(parameter.fallback);
          }
        },
        parameter.member);
  }
  return full;
}

}  // namespace byzccl::attacks
