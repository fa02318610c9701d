// SPDX-License-Identifier: MIT
// Adversaries, as functions of the honest vectors: what a Byzantine rank sends instead of its own.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rule.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace byzccl {

/// mu and sigma are the mean and the standard deviation (divided by h, not h - 1) of the h honest
/// vectors, coordinate by coordinate. Values that are not finite among them travel through. `own`
/// is honest vector number (rank mod h): what the rank would send if it behaved.
///
/// What is random comes from SplitMix64 as a counter: mix(z) is the first output of the generator
/// started at z; with key = mix(rank ^ mix(step)), gaussian draws from the generator started at
/// key, and what has a seed from the one started at mix(seed ^ key).
enum class AttackKind : std::uint8_t {
  /// own: the rank behaves.
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
  /// mu + gamma p, gamma being the largest that keeps the vector as near to every honest one as the
  /// two farthest honest ones are to each other: max_i ||mu + gamma p - x_i|| <= max_ij ||x_i -
  /// x_j||.
  /// p is `perturbation`. Shejwalkar, Houmansadr, "Manipulating the Byzantine", NDSS 2021, section
  /// IV; gamma by the bisection of its algorithm 1, which here starts from a bound on gamma and
  /// goes on to the last bit, where theirs starts at a number that fits their models. gamma is 0
  /// where p is, or where a squared distance is not finite.
  kMinMax,
  /// The same with the sums of the squared distances: sum_i ||mu + gamma p - x_i||^2 <= max_i sum_j
  /// ||x_i - x_j||^2. Same source.
  kMinSum,
  /// mu - z sigma, as alie, with the z in [0, 512) whose f copies take the rule's output farthest
  /// from mu: craft() has the search. It asks the rule. ByzFL, OptimalALittleIsEnough; a factor
  /// that is tailored to the rule is also Shejwalkar's and Houmansadr's, same source.
  kOptimalAlie,
  /// -scale mu, as ipm, with the scale in [0, 512) found in the same way. It asks the rule. ByzFL,
  /// OptimalInnerProductManipulation.
  kOptimalInnerProduct,
  /// -lambda sign(mu): the largest lambda = bound 2^-k, k = 0 .. 19, of which Krum with f takes
  /// one of f copies; the smallest of them where it takes none. The bound is that of the paper's
  /// theorem 1, with vectors measured from the model before the step (0) and s = ||sign(mu)||^2
  /// for d:
  ///   sqrt(min_i (sum over the h - 2 nearest x_j of ||x_i - x_j||^2) / ((h - f - 1) s))
  ///   + max_i ||x_i|| / sqrt(s);
  /// lambda is 0 where it is not finite. It asks Krum, whatever rule is given, and needs h + f >=
  /// 2 f + 3. Fang, Cao, Jia, Gong, "Local Model Poisoning Attacks to Byzantine-Robust Federated
  /// Learning", USENIX Security 2020, section 4.2, with full knowledge; all f ranks send the same
  /// vector.
  kFangKrum,
  /// Beyond the honest values, on the side that mu is not on. Where mu > 0: uniform between the
  /// least value v and v / b if v > 0, else b v. Where mu < 0: uniform between the largest value v
  /// and b v if v > 0, else v / b. Elsewhere mu. b is `scale`, 2 unless given, at least 1. Drawn
  /// for each rank and coordinate, by output c + 1 as kUniform. Same source, section 4.3, with
  /// full knowledge, against trimmed mean and median.
  kFangTrim,
  /// x_i - scale sum_j w_ij (x_j - x_i) / sum_b w_ib, scale = 1 unless given: what undoes the step
  /// of gossip that takes node i towards its honest neighbours, and above 1 turns it round. x_i is
  /// the receiver's vector, j goes over the honest vectors and b over the f Byzantine neighbours;
  /// the weights are the context's. He, Karimireddy, Jaggi, "Byzantine-Robust Decentralized
  /// Learning via ClippedGossip", arXiv 2202.01545, 2022.
  kDissensus,
  /// Independent N(0, sigma^2) in every coordinate; sigma = 1 unless given. It depends on rank,
  /// step and column c alone: Box-Muller over outputs 2 c + 1 and 2 c + 2.
  kGaussian,
  /// Independent and uniform in [-scale, scale) in every coordinate; scale = 1 unless given. It
  /// depends on rank, step, seed and column c alone: output c + 1.
  kUniform,
  /// `value` in every coordinate; 0 unless given.
  kConstant,
  /// mu, but `value` (1e30 unless given) in column `target` (0 unless given). What the dtype cannot
  /// hold becomes infinite: 1e30 does in float16.
  kSpike,
  /// own, but bit `bit` flipped in `count` neighbouring elements (1 unless given; all of them where
  /// d is smaller): corrupted silently. One word is the textbook's fault; 32 neighbours, as many as
  /// a warp has threads, is the kind seen in the field: aligned to warps and more than one bit
  /// ("The Anatomy of Silent Data Corruption", arXiv 2605.04213). The first element is output 1 mod
  /// (d - count + 1); the bit, unless given, output 2 mod the bits of an element. Bit 0 is the
  /// lowest of the fraction, the last one is the sign.
  kBitFlip,
  /// own - rate step sigma; rate = 0.01 unless given: a bias too slow for what compares a rank with
  /// its past. It begins as an honest rank.
  kDrift,
  /// own of `age` steps ago (1 unless given), or the first there was: a rank that lags behind or
  /// replays. It needs a memory: only an Adversary can send it.
  kStale,
  /// NaN in every coordinate.
  kNan,
  /// Infinity in every coordinate.
  kInf,
  /// Honest vector number `target`; 0 unless given: all Byzantine ranks over-represent one honest
  /// rank. Karimireddy, He, Jaggi, "Byzantine-Robust Learning on Heterogeneous Datasets via
  /// Bucketing", ICLR 2022; theirs looks for the rank to copy, ours is told.
  kMimic,
  /// Acts on messages: see attack_transport.hpp. Not for craft().
  kEquivocate,
  /// Acts on messages: see attack_transport.hpp. Not for craft().
  kTamper,
};

/// The direction p in which min_max and min_sum leave the mean; its length does not matter.
enum class Perturbation : std::uint8_t {
  kUnit,  ///< -mu, "inverse unit vector"
  kStd,   ///< -sigma, "inverse standard deviation"
  kSign,  ///< -sign(mu), "inverse sign"
};

/// An adversary with its parameters as they were written: what was left out stays out.
struct Attack {
  AttackKind kind = AttackKind::kNone;
  std::optional<double> scale = std::nullopt;         ///< a factor; of uniform the half width
  std::optional<double> z = std::nullopt;             ///< alie; standard deviations
  std::optional<double> sigma = std::nullopt;         ///< gaussian; standard deviation, >= 0
  std::optional<double> value = std::nullopt;         ///< constant, spike
  std::optional<std::int64_t> target = std::nullopt;  ///< mimic: a vector; spike: a column; >= 0
  std::optional<Perturbation> perturbation = std::nullopt;  ///< min_max, min_sum; std unless given
  std::optional<std::int64_t> bit = std::nullopt;           ///< bit_flip; 0 is the lowest
  std::optional<std::int64_t> count = std::nullopt;         ///< bit_flip; elements, >= 1
  std::optional<std::int64_t> seed = std::nullopt;          ///< bit_flip, uniform; 0 unless given
  std::optional<double> rate = std::nullopt;                ///< drift; standard deviations a step
  std::optional<std::int64_t> age = std::nullopt;           ///< stale; steps, >= 0

  /// Reads `alie(z=1.5)`, in the grammar of rules, and `min_max(perturbation=sign)`: the directions
  /// are unit, std and sign. Spaces between tokens are ignored, numbers are finite, integers have
  /// no point or exponent. At most 400 characters. @throws InvalidArgument with what is known.
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
  /// What the receivers aggregate with, for the attacks that ask it: optimal_alie, optimal_ipm.
  std::optional<Rule> rule = std::nullopt;
  /// The honest vector that is the receiver's own, 0 <= receiver < h: dissensus, and monna's `own`
  /// where the rule is asked.
  int receiver = 0;
  /// dissensus: the receiver's mixing weights [h + f], of the honest vectors in their order and
  /// then of the f Byzantine neighbours; finite and not negative, the latter's sum above 0. The
  /// receiver's own does not matter, as x_i - x_i = 0. None: all equal, as in a complete graph.
  std::span<const double> weights = {};
};

/// Writes to out [d] what the adversary sends, given the honest vectors [h, d], h >= 1.
///
/// Statistics over the vectors are float64, by coordinate; the result is rounded once to `dtype`.
/// Same arguments, same bits.
///
/// The search of optimal_alie and optimal_ipm: the rule aggregates the h honest vectors and,
/// behind them, f >= 1 copies of what a factor gives; the factor is the one of 24 tried whose
/// output lies farthest from mu. The first 12 are 0 and 2^k, k = -2 .. 8; the others halve, in
/// turn, what is between the best one and its neighbour above, and its neighbour below. The first
/// of equals is kept; an output that is not finite counts as no harm. So a call takes 24
/// aggregates and memory for two vectors more. bucketing draws the buckets of `step`,
/// centered_clipping starts from zeros.
/// @param out  may be one of the honest vectors; otherwise it overlaps none
/// @throws InvalidArgument if a parameter or the context is out of range; the message says which.
void craft(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, void* out);

/// One rank's adversary over the steps of a training: craft(), with the memory that `stale` needs.
class Adversary {
 public:
  /// @throws InvalidArgument if the attack acts on messages
  explicit Adversary(const Attack& attack);
  const Attack& attack() const { return attack_; }
  /// As byzccl::craft, once a step. A vector of another d or dtype than before begins anew.
  void craft(std::span<const void* const> honest, std::int64_t d, DType dtype,
             const AttackContext& context, void* out);

 private:
  Attack attack_;
  DType dtype_ = DType::kFloat32;
  std::deque<std::vector<std::byte>> past_;  // own of the last `age` steps and of this one
};

/// A parameter of an attack.
struct AttackParameter {
  std::string_view name;
  std::string
      fallback;  ///< what holds where it is left out, such as "1", or "<drawn>": how it is found
};

/// One attack, as `byzccl.attack.attacks()` and the command line list it.
struct AttackInfo {
  AttackKind kind;
  std::string_view name;
  std::string_view description;  ///< one line
  bool on_messages;              ///< it alters messages; no function of the honest vectors
  bool asks_rule;                ///< craft() needs AttackContext::rule
  std::vector<AttackParameter> parameters;
};

/// Every attack, in the order of docs/attacks.md.
std::vector<AttackInfo> attack_table();

/// z of alie as its paper gives it. @throws InvalidArgument where it gives none: the fraction under
/// kAlie must lie in (0, 1).
double alie_z(int n, int f);

}  // namespace byzccl
