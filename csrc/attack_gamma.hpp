// SPDX-License-Identifier: MIT
// How far min_max and min_sum leave the mean. Source: AttackKind::kMinMax in attack.hpp.

#pragma once

#include <byzccl/attack.hpp>
#include <cstdint>
#include <span>
#include <vector>

#include "csrc/attack_columns.hpp"

namespace byzccl::attacks {

/// p in one column.
inline double perturbation_at(Perturbation kind, double mean, double deviation) {
  switch (kind) {
    case Perturbation::kUnit:
      return -mean;
    case Perturbation::kStd:
      return -deviation;
    case Perturbation::kSign:
      break;
  }
  return mean > 0 ? -1.0 : mean < 0 ? 1.0 : 0.0;
}

/// All that gamma, and fang_krum's lambda, depend on: ||mu + gamma p - x_i||^2 = from_mean_i - 2
/// gamma along_i + gamma^2 length.
struct Geometry {
  explicit Geometry(std::size_t h) : distances(h * h), norms(h), from_mean(h), along(h) {}
  std::vector<double> distances;  ///< ||x_i - x_j||^2 [h, h]
  std::vector<double> norms;      ///< ||x_i||^2 [h]
  std::vector<double> from_mean;  ///< ||x_i - mu||^2 [h]
  std::vector<double> along;      ///< <p, x_i - mu> [h]
  double length = 0;              ///< ||p||^2
};

template <class T>
Geometry measure(std::span<const void* const> honest, std::int64_t d, Perturbation kind) {
  const std::size_t h = honest.size();
  Geometry g(h);
  Statistics<T> statistics(honest);
  std::vector<double> x(h * kBlock);
  for_blocks(d, [&](std::int64_t begin, std::int64_t count) {
    statistics.read(begin, count, kind == Perturbation::kStd);
    for (std::int64_t c = 0; c < count; ++c) {
      const double p = perturbation_at(kind, statistics.mean[c], statistics.deviation[c]);
      g.length += p * p;
      for (std::size_t i = 0; i < h; ++i) {
        const double value = load<T>(honest[i], begin + c);
        const double offset = value - statistics.mean[c];
        x[i * kBlock + static_cast<std::size_t>(c)] = value;
        g.norms[i] += value * value;
        g.from_mean[i] += offset * offset;
        g.along[i] += p * offset;
      }
    }
    for (std::size_t i = 0; i < h; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        for (std::int64_t c = 0; c < count; ++c) {
          const auto at = static_cast<std::size_t>(c);
          const double difference = x[i * kBlock + at] - x[j * kBlock + at];
          g.distances[i * h + j] += difference * difference;
        }
        g.distances[j * h + i] = g.distances[i * h + j];
      }
    }
  });
  return g;
}

/// The largest gamma >= 0 that min_max (largest distance) or min_sum (sum of distances) allows.
double largest_gamma(const Geometry& geometry, bool sum);

}  // namespace byzccl::attacks
