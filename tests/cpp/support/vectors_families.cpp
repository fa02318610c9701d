// SPDX-License-Identifier: MIT
// The families of inputs.

#include <algorithm>
#include <array>
#include <byzccl/attack.hpp>
#include <cmath>
#include <limits>

#include "support/vectors.hpp"

namespace byzccl::testing {
namespace {

// A range of rows drawn anew each time, of at most `count`.
std::vector<int> some_rows(int n, int count, Random& random) {
  std::vector<int> rows(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) rows[i] = i;
  std::shuffle(rows.begin(), rows.end(), random);
  rows.resize(static_cast<std::size_t>(std::min(n, count)));
  return rows;
}

Matrix gaussian(int n, int d, Random& random) {
  std::normal_distribution<double> normal;
  Matrix x(static_cast<std::size_t>(n), std::vector<double>(static_cast<std::size_t>(d)));
  for (auto& row : x) {
    for (double& value : row) value = normal(random);
  }
  return x;
}

Matrix integers(int n, int d, int largest, Random& random) {
  std::uniform_int_distribution<int> uniform(-largest, largest);
  Matrix x(static_cast<std::size_t>(n), std::vector<double>(static_cast<std::size_t>(d)));
  for (auto& row : x) {
    for (double& value : row) value = uniform(random);
  }
  return x;
}

void round_all(Matrix& x, DType dtype) {
  for (auto& row : x) {
    for (double& value : row) value = quantise(value, dtype);
  }
}

// The last rows become what adversaries of the library send, each time another one.
void corrupt(Matrix& x, int f, DType dtype, Random& random) {
  static constexpr std::array kAttacks{"sign_flip(scale=10)",
                                       "alie(z=1.5)",
                                       "ipm(scale=2)",
                                       "gaussian(sigma=30)",
                                       "constant",
                                       "spike",
                                       "spike(value=1000)",
                                       "nan",
                                       "inf",
                                       "mimic"};
  const Attack attack = Attack::parse(kAttacks[random() % kAttacks.size()]);
  const int n = static_cast<int>(x.size());
  const std::int64_t d = static_cast<std::int64_t>(x[0].size());
  if (d == 0 || n == 1) return;
  const int bad = std::max(1, f);
  const Packed honest(Matrix(x.begin(), x.end() - bad), dtype);
  for (int rank = n - bad; rank < n; ++rank) {
    std::vector<std::byte> sent(static_cast<std::size_t>(d) * size_of(dtype));
    craft(attack, honest.rows(), d, dtype, {.n = n, .f = bad, .step = 3, .rank = rank},
          sent.data());
    x[rank] = unpack(sent, dtype);
  }
}

}  // namespace

std::string_view name(Family family) {
  static constexpr std::array<std::string_view, kFamilies> kNames{
      "gaussian", "offset", "graded", "clusters",  "ties",  "duplicates", "nan",
      "infinite", "huge",   "far",    "colluders", "equal", "adversary"};
  return kNames[static_cast<std::size_t>(family)];
}

Drawn draw(Family family, int n, int f, int d, DType dtype, Random& random) {
  const bool whole =
      family == Family::kTies || family == Family::kColluders || family == Family::kEqual;
  Drawn drawn{whole ? integers(n, d, 4, random) : gaussian(n, d, random), whole};
  Matrix& x = drawn.x;
  const std::vector<int> bad = some_rows(n, std::max(1, f), random);
  const auto fill = [](std::vector<double>& row, double value) {
    std::fill(row.begin(), row.end(), value);
  };
  switch (family) {
    case Family::kOffset:
      for (auto& row : x) {
        for (double& value : row) value += 100;
      }
      break;
    case Family::kGraded: {
      int grade = 0;
      for (const int i : some_rows(n, n, random)) {
        const double scale = std::pow(1.2, std::min(grade++, 24));
        for (double& value : x[i]) value *= scale;
      }
      break;
    }
    case Family::kClusters:
      for (const int i : bad) {
        for (double& value : x[i]) value = 10 + 0.01 * value;
      }
      break;
    case Family::kDuplicates:
      for (const int i : some_rows(n, n / 2, random)) x[i] = x[bad[0]];
      break;
    case Family::kNan:
      if (d > 0) x[bad[0]][random() % x[0].size()] = std::numeric_limits<double>::quiet_NaN();
      break;
    case Family::kInfinite:
      fill(x[bad[0]], random() % 2 == 0 ? kInfinity : -kInfinity);
      break;
    case Family::kHuge:
      fill(x[bad[0]], 1e30);
      break;
    case Family::kFar:
      for (const int i : bad) {
        const double scale = std::pow(10.0, std::uniform_real_distribution<double>(2, 6)(random));
        for (double& value : x[i]) value *= scale;
      }
      break;
    case Family::kColluders:
      for (std::size_t k = 0; k < bad.size(); ++k) fill(x[bad[k]], k % 2 == 0 ? 1.2e19 : -1.2e19);
      break;
    case Family::kEqual:
      for (auto& row : x) row = x[0];
      break;
    case Family::kGaussian:
    case Family::kTies:
    case Family::kAdversary:
      break;
  }
  round_all(x, dtype);
  if (family == Family::kAdversary) corrupt(x, f, dtype, random);
  return drawn;
}

}  // namespace byzccl::testing
