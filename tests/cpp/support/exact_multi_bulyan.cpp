// SPDX-License-Identifier: MIT
#include "support/exact_multi_bulyan.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace byzccl::test {
namespace {

Integers squared_distances(const Integers& x) {
  Integers D(x.size(), std::vector<std::int64_t>(x.size(), 0));
  for (std::size_t i = 0; i < x.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) {
      for (std::size_t c = 0; c < x[i].size(); ++c) {
        D[i][j] += (x[i][c] - x[j][c]) * (x[i][c] - x[j][c]);
      }
    }
  }
  return D;
}

/// Indices by ascending key, of equals the lower first.
std::vector<std::size_t> ranked(std::vector<std::size_t> rows,
                                const std::vector<std::int64_t>& key) {
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return key[a] < key[b]; });
  return rows;
}

/// The rows of each round.
std::vector<std::vector<std::size_t>> rounds_of(const Integers& x, std::size_t f) {
  const std::size_t q = x.size() - f - 2;
  const Integers D = squared_distances(x);
  std::vector<std::size_t> left(x.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  std::vector<std::vector<std::size_t>> neighbors;
  for (const std::size_t i : left) {
    std::vector<std::size_t> others = left;
    std::erase(others, i);
    others = ranked(others, D[i]);
    others.resize(q);
    neighbors.push_back(others);
  }
  std::vector<std::vector<std::size_t>> rounds;
  while (rounds.size() < x.size() - 2 * f - 2) {
    std::vector<std::int64_t> scores(x.size(), 0);
    for (const std::size_t i : left) {
      for (const std::size_t j : neighbors[i]) {
        if (std::find(left.begin(), left.end(), j) != left.end()) scores[i] += D[i][j];
      }
    }
    std::vector<std::size_t> rows = ranked(left, scores);
    std::erase(left, rows[0]);
    rows.resize(q - rounds.size());
    rounds.push_back(rows);
  }
  return rounds;
}

}  // namespace

Integers few_integers(int n, int d, Random& random) {
  Integers x(static_cast<std::size_t>(n));
  for (auto& row : x) {
    for (int c = 0; c < d; ++c) row.push_back(random.below(5) - 2);
  }
  return x;
}

std::vector<double> exact_multi_bulyan(const Integers& x, int f) {
  const std::size_t bad = static_cast<std::size_t>(f);
  const auto rounds = rounds_of(x, bad);
  std::int64_t denominator = 1;  // of all means
  for (const auto& rows : rounds) {
    denominator = std::lcm(denominator, static_cast<std::int64_t>(rows.size()));
  }
  std::vector<double> out;
  for (std::size_t c = 0; c < x[0].size(); ++c) {
    std::vector<std::int64_t> column;
    for (const auto& rows : rounds) {
      std::int64_t sum = 0;
      for (const std::size_t i : rows) sum += x[i][c];
      column.push_back(sum * (denominator / static_cast<std::int64_t>(rows.size())));
    }
    std::sort(column.begin(), column.end());
    const std::int64_t centre = column[column.size() / 2];
    const std::size_t keep = column.size() - 2 * bad;
    while (column.size() > keep) {
      const bool lower = centre - column.front() > column.back() - centre;
      column.erase(lower ? column.begin() : column.end() - 1);
    }
    const std::int64_t sum = std::accumulate(column.begin(), column.end(), std::int64_t{0});
    out.push_back(static_cast<double>(sum) /
                  static_cast<double>(denominator * static_cast<std::int64_t>(keep)));
  }
  return out;
}

std::vector<Row> stack_of(const Integers& x, DType dtype) {
  return make_stack(
      static_cast<int>(x.size()), static_cast<std::int64_t>(x[0].size()), dtype,
      [&](int i, std::int64_t c) {
        return static_cast<double>(x[static_cast<std::size_t>(i)][static_cast<std::size_t>(c)]);
      });
}

int wrong_columns(const Row& out, const std::vector<double>& exact, DType dtype) {
  // What sums of a few rounded means lose, and of 16 bits the rounding of the result.
  const double most = dtype == DType::kFloat64   ? 0x1p-48
                      : dtype == DType::kFloat32 ? 0x1p-19
                      : dtype == DType::kFloat16 ? 0x1p-9
                                                 : 0x1p-6;
  int wrong = 0;
  for (std::size_t c = 0; c < exact.size(); ++c) {
    wrong += !(std::fabs(out.at(static_cast<std::int64_t>(c)) - exact[c]) <= most);
  }
  return wrong;
}

}  // namespace byzccl::test
