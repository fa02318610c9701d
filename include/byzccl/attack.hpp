// SPDX-License-Identifier: MIT
// Adversaries, as functions of the honest vectors: what a Byzantine rank sends instead of its own.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace byzccl {

enum class AttackKind : std::uint8_t {
  kNone,
  kSignFlip,
  kAlie,
  kInnerProduct,
  kGaussian,
  kConstant,
  kSpike,
  kNan,
  kInf,
  kMimic,
};

/// An adversary with its parameters as they were written: what was left out stays out.
struct Attack {
  AttackKind kind = AttackKind::kNone;
  std::optional<double> scale = std::nullopt;         ///< sign_flip, ipm; a factor
  std::optional<double> z = std::nullopt;             ///< alie; standard deviations
  std::optional<double> sigma = std::nullopt;         ///< gaussian; standard deviation
  std::optional<double> value = std::nullopt;         ///< constant, spike
  std::optional<std::int64_t> target = std::nullopt;  ///< mimic: a rank; spike: a column

  /// Reads `alie(z=1.5)`. @throws InvalidArgument
  static Attack parse(std::string_view text);
  bool operator==(const Attack&) const = default;
};

std::string to_text(const Attack& attack);

/// What the adversary knows and who it is.
struct AttackContext {
  int n = 0;              ///< ranks in all
  int f = 0;              ///< Byzantine ranks among them
  std::int64_t step = 0;  ///< with `rank`, seeds what is random
  int rank = 0;           ///< the Byzantine rank that sends
};

/// Writes to out [d] what the adversary sends, given the honest vectors [h, d], h >= 1.
///
/// Statistics over the vectors are float64, by coordinate; the result is rounded once to `dtype`.
/// @throws InvalidArgument if a parameter or the context is out of range; the message says which.
void craft(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, void* out);

}  // namespace byzccl
