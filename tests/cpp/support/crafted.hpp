// SPDX-License-Identifier: MIT
// What adversaries send, as numbers.

#pragma once

#include <byzccl/attack.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "support/vectors.hpp"

namespace byzccl::testing {

inline constexpr AttackContext kContext{.n = 7, .f = 2, .step = 5, .rank = 6};

inline const std::vector<DType> kTypes{DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                                       DType::kFloat64};

/// What craft() makes of honest vectors that the dtype can hold.
inline std::vector<double> sent(const std::string& attack, const Matrix& honest, DType dtype,
                                const AttackContext& context = kContext) {
  const Packed packed(honest, dtype);
  std::vector<std::byte> out(honest[0].size() * size_of(dtype));
  craft(Attack::parse(attack), packed.rows(), static_cast<std::int64_t>(honest[0].size()), dtype,
        context, out.data());
  return unpack(out, dtype);
}

/// Honest vectors of 5 ranks; 2500 columns are more than one block.
inline Matrix honest_vectors(DType dtype, int d = 2500, Family family = Family::kOffset) {
  Random random(11);
  return draw(family, 5, 0, d, dtype, random).x;
}

struct Moments {
  std::vector<double> mean, deviation;
};

/// By column.
inline Moments moments(const Matrix& x) {
  Moments m;
  for (std::size_t c = 0; c < x[0].size(); ++c) {
    double sum = 0;
    for (const auto& row : x) sum += row[c];
    const double mean = sum / static_cast<double>(x.size());
    double squares = 0;
    for (const auto& row : x) squares += (row[c] - mean) * (row[c] - mean);
    m.mean.push_back(mean);
    m.deviation.push_back(std::sqrt(squares / static_cast<double>(x.size())));
  }
  return m;
}

}  // namespace byzccl::testing
