// SPDX-License-Identifier: MIT
// What each adversary sends. Formulas and sources: attack.hpp.

#include <algorithm>
#include <bit>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <type_traits>

#include "csrc/cpu/float_mode.hpp"

namespace byzccl {
namespace {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Output number k (from 1) of SplitMix64 started at `state`.
std::uint64_t split_mix(std::uint64_t state, std::uint64_t k) {
  std::uint64_t z = state + k * kGolden;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

double normal_at(std::uint64_t key, std::int64_t column) {
  const std::uint64_t k = 2 * static_cast<std::uint64_t>(column) + 1;
  const double u = static_cast<double>((split_mix(key, k) >> 11) + 1) * 0x1p-53;  // (0, 1]
  const double v = static_cast<double>(split_mix(key, k + 1) >> 11) * 0x1p-53;    // [0, 1)
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

// Rounds to odd, so that a later rounding to a 16-bit type is as if it had been the only one.
float odd_float(double x) {
  const float nearest = static_cast<float>(x);
  if (std::isnan(x) || static_cast<double>(nearest) == x) return nearest;
  const bool beyond = std::fabs(static_cast<double>(nearest)) > std::fabs(x);
  const std::uint32_t truncated = std::bit_cast<std::uint32_t>(nearest) - (beyond ? 1u : 0u);
  return std::bit_cast<float>(truncated | 1u);
}

template <class T>
T round_once(double x) {
  if constexpr (std::is_same_v<T, double>) {
    return x;
  } else if constexpr (std::is_same_v<T, float>) {
    return static_cast<float>(x);
  } else {
    return narrow<T>(odd_float(x));
  }
}

// A block of columns at a time, so that the sums stay in cache while the vectors stream by.
constexpr std::int64_t kBlock = 1024;

template <class T>
class Statistics {
 public:
  explicit Statistics(std::span<const void* const> honest) : honest_(honest) {}

  // Mean of columns [begin, begin + count), and the standard deviation where it is wanted.
  void read(std::int64_t begin, std::int64_t count, bool spread) {
    const double h = static_cast<double>(honest_.size());
    for (std::int64_t c = 0; c < count; ++c) mean[c] = 0;
    for (const void* vector : honest_) {
      const T* x = static_cast<const T*>(vector) + begin;
      for (std::int64_t c = 0; c < count; ++c) mean[c] += static_cast<double>(widen(load(x + c)));
    }
    for (std::int64_t c = 0; c < count; ++c) mean[c] /= h;
    if (!spread) return;
    for (std::int64_t c = 0; c < count; ++c) deviation[c] = 0;
    for (const void* vector : honest_) {
      const T* x = static_cast<const T*>(vector) + begin;
      for (std::int64_t c = 0; c < count; ++c) {
        const double offset = static_cast<double>(widen(load(x + c))) - mean[c];
        deviation[c] += offset * offset;
      }
    }
    for (std::int64_t c = 0; c < count; ++c) deviation[c] = std::sqrt(deviation[c] / h);
  }

  double mean[kBlock];
  double deviation[kBlock];

 private:
  // Vectors may have any alignment.
  static T load(const T* from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
  }
  std::span<const void* const> honest_;
};

// Writes value(c, i) for every column c, the i-th of its block; before(begin, count) comes first.
template <class T, class Before, class Value>
void write(std::int64_t d, void* out, Before&& before, Value&& value) {
  for (std::int64_t begin = 0; begin < d; begin += kBlock) {
    const std::int64_t count = std::min(kBlock, d - begin);
    before(begin, count);
    for (std::int64_t i = 0; i < count; ++i) {
      const T rounded = round_once<T>(value(begin + i, i));
      std::memcpy(static_cast<T*>(out) + begin + i, &rounded, sizeof(T));
    }
  }
}

template <class T>
void craft_as(const Attack& attack, std::span<const void* const> honest, std::int64_t d,
              const AttackContext& context, void* out) {
  Statistics<T> statistics(honest);
  const double* mean = statistics.mean;
  const double* deviation = statistics.deviation;
  const auto nothing = [](std::int64_t, std::int64_t) {};
  const auto means = [&](std::int64_t begin, std::int64_t count) {
    statistics.read(begin, count, false);
  };
  const auto both = [&](std::int64_t begin, std::int64_t count) {
    statistics.read(begin, count, true);
  };
  const auto fill = [&](double value) {
    write<T>(d, out, nothing, [=](std::int64_t, std::int64_t) { return value; });
  };
  const auto copy = [&](std::size_t from) {
    if (d > 0) std::memmove(out, honest[from], static_cast<std::size_t>(d) * sizeof(T));
  };
  switch (attack.kind) {
    case AttackKind::kNone:
      return copy(static_cast<std::size_t>(context.rank) % honest.size());
    case AttackKind::kMimic:
      return copy(static_cast<std::size_t>(attack.target.value_or(0)));
    case AttackKind::kNan:
      return fill(std::numeric_limits<double>::quiet_NaN());
    case AttackKind::kInf:
      return fill(kInfinity);
    case AttackKind::kConstant:
      return fill(attack.value.value_or(0));
    case AttackKind::kSignFlip:
    case AttackKind::kInnerProduct: {
      const double scale = attack.scale.value_or(attack.kind == AttackKind::kSignFlip ? 1 : 2);
      return write<T>(d, out, means,
                      [=](std::int64_t, std::int64_t i) { return -scale * mean[i]; });
    }
    case AttackKind::kAlie: {
      const double z = attack.z ? *attack.z : alie_z(context.n, context.f);
      return write<T>(d, out, both,
                      [=](std::int64_t, std::int64_t i) { return mean[i] - z * deviation[i]; });
    }
    case AttackKind::kSpike: {
      const std::int64_t target = attack.target.value_or(0);
      const double value = attack.value.value_or(1e30);
      return write<T>(d, out, means, [=](std::int64_t c, std::int64_t i) {
        return c == target ? value : mean[i];
      });
    }
    case AttackKind::kGaussian: {
      const double sigma = attack.sigma.value_or(1);
      const auto rank = static_cast<std::uint64_t>(context.rank);
      const std::uint64_t step = split_mix(static_cast<std::uint64_t>(context.step), 1);
      const std::uint64_t key = split_mix(rank ^ step, 1);
      return write<T>(d, out, nothing,
                      [=](std::int64_t c, std::int64_t) { return sigma * normal_at(key, c); });
    }
  }
}

}  // namespace

void craft(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, void* out) {
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
  const std::int64_t target = attack.target.value_or(0);
  if (attack.kind == AttackKind::kMimic)
    BYZCCL_CHECK(target >= 0 && target < h, "mimic needs a target below the ", h,
                 " honest vectors, got target = ", target);
  if (attack.kind == AttackKind::kSpike)
    BYZCCL_CHECK(target >= 0 && (target < d || d == 0), "spike needs a target below d = ", d,
                 ", got target = ", target);
  BYZCCL_CHECK(attack.sigma.value_or(0) >= 0,
               "gaussian needs sigma >= 0, got sigma = ", *attack.sigma);
  if (attack.kind == AttackKind::kAlie && !attack.z) alie_z(context.n, context.f);
  const cpu::FloatMode mode;
  with_dtype(dtype, [&](auto type) {
    craft_as<typename decltype(type)::type>(attack, honest, d, context, out);
  });
}

}  // namespace byzccl
