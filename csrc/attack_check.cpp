// SPDX-License-Identifier: MIT
#include "csrc/attack_check.hpp"

#include <byzccl/error.hpp>
#include <cmath>

#include "csrc/attack_table.hpp"

namespace byzccl::attacks {
namespace {

void check_weights(const AttackContext& context, std::int64_t h) {
  BYZCCL_CHECK(context.receiver >= 0 && context.receiver < h,
               "dissensus needs a receiver below the ", h,
               " honest vectors, got receiver = ", context.receiver);
  BYZCCL_CHECK(context.f >= 1, "dissensus needs f >= 1, got f = ", context.f);
  if (context.weights.empty()) return;
  BYZCCL_CHECK(static_cast<std::int64_t>(context.weights.size()) == h + context.f,
               "dissensus needs a weight for each of the ", h,
               " honest vectors and f = ", context.f, " Byzantine neighbours, got ",
               context.weights.size());
  for (const double weight : context.weights) {
    BYZCCL_CHECK(std::isfinite(weight) && weight >= 0,
                 "dissensus needs finite weights that are not negative, got ", weight);
  }
  double sum = 0;
  for (const double weight : context.weights.subspan(static_cast<std::size_t>(h))) sum += weight;
  BYZCCL_CHECK(sum > 0, "dissensus needs Byzantine neighbours whose weights add up to more than 0");
}

/// Of attacks that try vectors on a rule. The rule's own bound is checked where it is asked.
void check_trial(const Row& row, const AttackContext& context, std::int64_t h) {
  BYZCCL_CHECK(!row.asks_rule || context.rule, row.name,
               " tries its vectors on the receivers' rule: it needs one, and got none");
  BYZCCL_CHECK(context.f >= 1, row.name, " needs f >= 1, got f = ", context.f);
  BYZCCL_CHECK(context.receiver >= 0 && context.receiver < h, row.name,
               " needs a receiver below the ", h,
               " honest vectors, got receiver = ", context.receiver);
}

}  // namespace

void check(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, const void* out) {
  const std::int64_t h = static_cast<std::int64_t>(honest.size());
  BYZCCL_CHECK(h >= 1, "an attack needs at least one honest vector");
  BYZCCL_CHECK(d >= 0, "an attack needs d >= 0, got d = ", d);
  BYZCCL_CHECK(context.f >= 0 && context.f < context.n,
               "an attack needs 0 <= f < n, got n = ", context.n, ", f = ", context.f);
  BYZCCL_CHECK(context.rank >= 0 && context.rank < context.n,
               "an attack needs 0 <= rank < n, got n = ", context.n, ", rank = ", context.rank);
  for (const void* vector : honest)
    BYZCCL_CHECK(d == 0 || vector != nullptr, "an attack got a null honest vector");
  BYZCCL_CHECK(d == 0 || out != nullptr, "an attack got a null output");
  switch (attack.kind) {
    case AttackKind::kMimic:
      BYZCCL_CHECK(*attack.target < h, "mimic needs a target below the ", h,
                   " honest vectors, got target = ", *attack.target);
      break;
    case AttackKind::kSpike:
      BYZCCL_CHECK(*attack.target < d || d == 0, "spike needs a target below d = ", d,
                   ", got target = ", *attack.target);
      break;
    case AttackKind::kAlie:
      if (!attack.z) alie_z(context.n, context.f);
      break;
    case AttackKind::kBitFlip: {
      const auto bits = static_cast<std::int64_t>(8 * size_of(dtype));
      BYZCCL_CHECK(attack.bit.value_or(0) < bits, "bit_flip needs bit < ", bits, " in ",
                   to_text(dtype), ", got bit = ", *attack.bit);
      break;
    }
    case AttackKind::kOptimalAlie:
    case AttackKind::kOptimalInnerProduct:
    case AttackKind::kFangKrum:
      check_trial(row_of(attack.kind), context, h);
      break;
    case AttackKind::kDissensus:
      check_weights(context, h);
      break;
    case AttackKind::kStale:
      throw_invalid_argument("stale needs a memory of its own: use an Adversary");
    default:
      BYZCCL_CHECK(!row_of(attack.kind).on_messages, row_of(attack.kind).name,
                   " acts on messages, not on a vector: see attack_transport.hpp");
  }
}

}  // namespace byzccl::attacks
