// SPDX-License-Identifier: MIT
// What each adversary sends. Formulas and sources: attack.hpp.

#include <algorithm>
#include <bit>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cstring>
#include <limits>

#include "csrc/attack_columns.hpp"
#include "csrc/attack_gamma.hpp"
#include "csrc/attack_random.hpp"
#include "csrc/attack_table.hpp"
#include "csrc/cpu/float_mode.hpp"

namespace byzccl {
namespace {

// One attack on one set of honest vectors, in the element type T.
template <class T>
class Crafter {
 public:
  Crafter(const Attack& attack, std::span<const void* const> honest, std::int64_t d,
          const AttackContext& context, void* out)
      : attack_(attack),
        honest_(honest),
        own_(honest[static_cast<std::size_t>(context.rank) % honest.size()]),
        d_(d),
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
  const AttackContext& context_;
  void* const out_;
  attacks::Statistics<T> statistics_;
};

static_assert(std::endian::native == std::endian::little, "flip_bits counts from the low end");

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
    case AttackKind::kStale:
      throw_invalid_argument("stale needs a memory of its own: use an Adversary");
    default:
      BYZCCL_CHECK(!attacks::row_of(attack.kind).on_messages, attacks::row_of(attack.kind).name,
                   " acts on messages, not on a vector: see attack_transport.hpp");
  }
}

}  // namespace

void craft(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, void* out) {
  const Attack full = attacks::complete(attack);
  check(full, honest, d, dtype, context, out);
  const cpu::FloatMode mode;
  with_dtype(dtype, [&](auto type) {
    Crafter<typename decltype(type)::type>(full, honest, d, context, out).run();
  });
}

}  // namespace byzccl
