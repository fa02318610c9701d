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

/// mu and sigma are the mean and the standard deviation (divided by h, not h - 1) of the h honest
/// vectors, coordinate by coordinate. Values that are not finite among them travel through.
enum class AttackKind : std::uint8_t {
  /// Honest vector number (rank mod h): the rank behaves.
  kNone,
  /// -scale mu; scale = 1 unless given.
  kSignFlip,
  /// mu - z sigma, hidden in the spread of the honest ones. z unless given:
  /// Phi(z) = (n - f - s) / (n - f), s = floor(n / 2 + 1) - f, Phi the normal distribution.
  /// Baruch, Baruch, Goldberg, "A Little Is Enough", NeurIPS 2019.
  kAlie,
  /// -scale mu; scale = 2 unless given; written `ipm`: the inner product of the aggregate with mu
  /// turns negative. Xie, Koyejo, Gupta, "Fall of Empires", UAI 2019.
  kInnerProduct,
  /// Independent N(0, sigma^2) in every coordinate; sigma = 1 unless given. It depends on rank,
  /// step and column alone: Box-Muller over outputs 2 c + 1 and 2 c + 2 of SplitMix64 started at
  /// mix(rank ^ mix(step)), mix(z) being the first output of SplitMix64 started at z.
  kGaussian,
  /// `value` in every coordinate; 0 unless given.
  kConstant,
  /// mu, but `value` (1e30 unless given) in column `target` (0 unless given). What the dtype cannot
  /// hold becomes infinite: 1e30 does in float16.
  kSpike,
  /// NaN in every coordinate.
  kNan,
  /// Infinity in every coordinate.
  kInf,
  /// Honest vector number `target`; 0 unless given: all Byzantine ranks over-represent one honest
  /// rank. Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via
  /// Bucketing", ICLR 2022; theirs looks for the rank to copy, ours is told.
  kMimic,
};

/// An adversary with its parameters as they were written: what was left out stays out.
struct Attack {
  AttackKind kind = AttackKind::kNone;
  std::optional<double> scale = std::nullopt;         ///< sign_flip, ipm; a factor
  std::optional<double> z = std::nullopt;             ///< alie; standard deviations
  std::optional<double> sigma = std::nullopt;         ///< gaussian; standard deviation, >= 0
  std::optional<double> value = std::nullopt;         ///< constant, spike
  std::optional<std::int64_t> target = std::nullopt;  ///< mimic: a vector; spike: a column; >= 0

  /// Reads `alie(z=1.5)`, in the grammar of rules: spaces between tokens are ignored, numbers are
  /// finite, integers have no point or exponent. @throws InvalidArgument with what is known.
  static Attack parse(std::string_view text);
  bool operator==(const Attack&) const = default;
};

/// The canonical text: parse(to_text(attack)) == attack.
std::string to_text(const Attack& attack);

/// What the adversary knows and who it is.
struct AttackContext {
  int n = 0;              ///< ranks in all
  int f = 0;              ///< Byzantine ranks among them, 0 <= f < n
  std::int64_t step = 0;  ///< with `rank`, seeds what is random
  int rank = 0;           ///< the Byzantine rank that sends, 0 <= rank < n
};

/// Writes to out [d] what the adversary sends, given the honest vectors [h, d], h >= 1.
///
/// Statistics over the vectors are float64, by coordinate; the result is rounded once to `dtype`.
/// @param out  may be one of the honest vectors; otherwise it overlaps none
/// @throws InvalidArgument if a parameter or the context is out of range; the message says which.
void craft(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, void* out);

/// z of alie as its paper gives it. @throws InvalidArgument where it gives none: the fraction under
/// kAlie must lie in (0, 1).
double alie_z(int n, int f);

}  // namespace byzccl
