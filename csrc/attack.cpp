// SPDX-License-Identifier: MIT
// What each adversary sends. Formulas and sources: attack.hpp.

#include <algorithm>
#include <bit>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "csrc/attack_check.hpp"
#include "csrc/attack_columns.hpp"
#include "csrc/attack_fang.hpp"
#include "csrc/attack_gamma.hpp"
#include "csrc/attack_random.hpp"
#include "csrc/attack_table.hpp"
#include "csrc/attack_trial.hpp"
#include "csrc/cpu/float_mode.hpp"

namespace byzccl {
namespace {

// One attack on one set of honest vectors, in the element type T.
template <class T>
class Crafter {
 public:
  Crafter(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
          const AttackContext& context, void* out)
      : attack_(attack),
        honest_(honest),
        own_(honest[static_cast<std::size_t>(context.rank) % honest.size()]),
        d_(d),
        dtype_(dtype),
        context_(context),
        out_(out),
        statistics_(honest) {}

  void run() {
    const double* const mean = statistics_.mean;
    const double* const deviation = statistics_.deviation;
    switch (attack_.kind) {
      case AttackKind::kNone:
        return copy(own_);
      case AttackKind::kMimic:
        return copy(honest_[static_cast<std::size_t>(*attack_.target)]);
      case AttackKind::kNan:
        return fill(std::numeric_limits<double>::quiet_NaN());
      case AttackKind::kInf:
        return fill(std::numeric_limits<double>::infinity());
      case AttackKind::kConstant:
        return fill(*attack_.value);
      case AttackKind::kSignFlip:
      case AttackKind::kInnerProduct:
        return from_means([&](std::int64_t, std::int64_t i) { return -*attack_.scale * mean[i]; });
      case AttackKind::kSpike:
        return from_means([&](std::int64_t c, std::int64_t i) {
          return c == *attack_.target ? *attack_.value : mean[i];
        });
      case AttackKind::kAlie: {
        const double z = attack_.z ? *attack_.z : alie_z(context_.n, context_.f);
        return from_both([=](std::int64_t, std::int64_t i) { return mean[i] - z * deviation[i]; });
      }
      case AttackKind::kDrift: {
        const double z = *attack_.rate * static_cast<double>(context_.step);
        return from_both([=, this](std::int64_t c, std::int64_t i) {
          const double own = attacks::load<T>(own_, c);
          return z == 0 ? own : own - z * deviation[i];  // no NaN from 0 times infinity
        });
      }
      case AttackKind::kMinMax:
      case AttackKind::kMinSum: {
        const Perturbation p = *attack_.perturbation;
        const double gamma = attacks::largest_gamma(attacks::measure<T>(honest_, d_, p),
                                                    attack_.kind == AttackKind::kMinSum);
        return from_both([=](std::int64_t, std::int64_t i) -> double {
          if (gamma == 0) return mean[i];
          return mean[i] + gamma * attacks::perturbation_at(p, mean[i], deviation[i]);
        });
      }
      case AttackKind::kOptimalAlie:
        return search([&](double z) {
          from_both([=](std::int64_t, std::int64_t i) { return mean[i] - z * deviation[i]; });
        });
      case AttackKind::kOptimalInnerProduct:
        return search([&](double scale) {
          from_means([=](std::int64_t, std::int64_t i) { return -scale * mean[i]; });
        });
      case AttackKind::kFangKrum:
        return deviate_from_krum();
      case AttackKind::kFangTrim: {
        const std::uint64_t key = attacks::key_of(context_, *attack_.seed);
        return attacks::write<T>(
            d_, out_,
            [&](std::int64_t c, std::int64_t count) {
              statistics_.read(c, count, false);
              statistics_.read_range(c, count);
            },
            [&](std::int64_t c, std::int64_t i) {
              return attacks::fang_value(mean[i], statistics_.least[i], statistics_.largest[i],
                                         *attack_.scale, attacks::unit_at(key, c));
            });
      }
      case AttackKind::kDissensus:
        return turn_back();
      case AttackKind::kGaussian: {
        const std::uint64_t key = attacks::key_of(context_);
        return from_nothing([=, this](std::int64_t c, std::int64_t) {
          return *attack_.sigma * attacks::normal_at(key, c);
        });
      }
      case AttackKind::kUniform: {
        const std::uint64_t key = attacks::key_of(context_, *attack_.seed);
        return from_nothing([=, this](std::int64_t c, std::int64_t) {
          return *attack_.scale * attacks::uniform_at(key, c);
        });
      }
      case AttackKind::kBitFlip:
        return flip_bits();
      case AttackKind::kStale:
      case AttackKind::kEquivocate:
      case AttackKind::kTamper:
        break;  // refused before
    }
  }

 private:
  void copy(const void* from) {
    if (d_ > 0) std::memmove(out_, from, static_cast<std::size_t>(d_) * sizeof(T));
  }
  template <class Value>
  void from_nothing(Value&& value) {
    attacks::write<T>(d_, out_, [](std::int64_t, std::int64_t) {}, value);
  }
  template <class Value>
  void from_means(Value&& value) {
    attacks::write<T>(
        d_, out_, [&](std::int64_t c, std::int64_t count) { statistics_.read(c, count, false); },
        value);
  }
  template <class Value>
  void from_both(Value&& value) {
    attacks::write<T>(
        d_, out_, [&](std::int64_t c, std::int64_t count) { statistics_.read(c, count, true); },
        value);
  }
  void fill(double value) {
    from_nothing([=](std::int64_t, std::int64_t) { return value; });
  }

  /// Sends what send(factor) writes to out_, with the factor that does the rule most harm.
  template <class Send>
  void search(Send&& send) {
    attacks::Trial trial(honest_, d_, dtype_, context_, *context_.rule);
    void* const out = std::exchange(out_, trial.crafted());
    const double factor = attacks::most_harmful([&](double tried) {
      send(tried);
      return attacks::distance_from_mean<T>(honest_, d_, trial.output());
    });
    out_ = out;
    send(factor);
  }

  void deviate_from_krum() {
    attacks::Trial trial(honest_, d_, dtype_, context_, {.kind = RuleKind::kKrum, .f = context_.f});
    const attacks::Geometry geometry = attacks::measure<T>(honest_, d_, Perturbation::kSign);
    double lambda = attacks::fang_bound(geometry, context_.f);
    const auto send = [&] {
      from_means([&](std::int64_t, std::int64_t i) {
        const double sign = attacks::perturbation_at(Perturbation::kSign, statistics_.mean[i], 0);
        return sign == 0 ? 0 : lambda * sign;
      });
    };
    void* const out = std::exchange(out_, trial.crafted());
    send();
    for (int k = 1; k < attacks::kFangHalvings && !trial.is_selected(); ++k) {
      lambda /= 2;
      send();
    }
    out_ = out;
    send();
  }

  void turn_back() {
    const std::size_t h = honest_.size();
    const std::size_t f = static_cast<std::size_t>(context_.f);
    const std::vector<double> equal(context_.weights.empty() ? h + f : 0, 1.0);
    const std::span<const double> weights = equal.empty() ? context_.weights : equal;
    double byzantine = 0;
    for (const double weight : weights.subspan(h)) byzantine += weight;
    const void* const receiver = honest_[static_cast<std::size_t>(context_.receiver)];
    const double scale = *attack_.scale;
    std::vector<double> pull(attacks::kBlock);
    attacks::write<T>(
        d_, out_,
        [&](std::int64_t begin, std::int64_t count) {
          std::fill(pull.begin(), pull.end(), 0.0);
          for (std::size_t j = 0; j < h; ++j) {
            if (weights[j] == 0 || honest_[j] == receiver) continue;  // no neighbour
            for (std::int64_t i = 0; i < count; ++i) {
              pull[static_cast<std::size_t>(i)] +=
                  weights[j] *
                  (attacks::load<T>(honest_[j], begin + i) - attacks::load<T>(receiver, begin + i));
            }
          }
        },
        [&](std::int64_t c, std::int64_t i) {
          return attacks::load<T>(receiver, c) -
                 scale * (pull[static_cast<std::size_t>(i)] / byzantine);
        });
  }

  void flip_bits() {
    copy(own_);
    constexpr std::uint64_t kBits = 8 * sizeof(T);
    const std::uint64_t key = attacks::key_of(context_, *attack_.seed);
    const std::int64_t count = std::min(*attack_.count, d_);
    const auto first = static_cast<std::int64_t>(attacks::split_mix(key, 1) %
                                                 static_cast<std::uint64_t>(d_ - count + 1));
    const std::uint64_t bit =
        attack_.bit ? static_cast<std::uint64_t>(*attack_.bit) : attacks::split_mix(key, 2) % kBits;
    for (std::int64_t c = first; c < first + count; ++c) {
      std::uint64_t word = 0;
      T* const element = static_cast<T*>(out_) + c;
      std::memcpy(&word, element, sizeof(T));
      word ^= std::uint64_t{1} << bit;
      std::memcpy(element, &word, sizeof(T));
    }
  }

  const Attack& attack_;
  const std::span<const void* const> honest_;
  const void* const own_;
  const std::int64_t d_;
  const DType dtype_;
  const AttackContext& context_;
  void* out_;
  attacks::Statistics<T> statistics_;
};

static_assert(std::endian::native == std::endian::little, "flip_bits counts from the low end");

}  // namespace

void craft(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, void* out) {
  const Attack full = attacks::complete(attack);
  attacks::check(full, honest, d, dtype, context, out);
  const cpu::FloatMode mode;
  with_dtype(dtype, [&](auto type) {
    Crafter<typename decltype(type)::type>(full, honest, d, dtype, context, out).run();
  });
}

}  // namespace byzccl
