// SPDX-License-Identifier: MIT
// A decision with memory of its own, and distances between points, for tests of selectors.

#pragma once

#include <byzccl/rules/select.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace byzccl::test {

using Points = std::vector<std::vector<double>>;  ///< [n, d]
using Distances = std::vector<double>;            ///< [n, n] or [n + 1, n]

/// Squared distances [n, n], and the squared norms as line n; +inf where they are not finite in
/// float32, as a float32 pass would see them.
inline Distances distances(const Points& x) {
  const std::size_t n = x.size();
  Distances D((n + 1) * n);
  for (std::size_t i = 0; i <= n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::size_t c = 0; c < x[j].size(); ++c) {
        const double difference = (i < n ? x[i][c] : 0) - x[j][c];
        sum += difference * difference;
      }
      const bool finite = sum <= std::numeric_limits<float>::max();
      D[i * n + j] = i == j ? 0 : finite ? sum : std::numeric_limits<double>::infinity();
    }
  }
  return D;
}

class Decided {
 public:
  Decided(std::string_view rule, const Distances& D, DType dtype = DType::kFloat32)
      : plan_(byzccl::plan(Rule::parse(rule), static_cast<int>(std::sqrt(D.size()) + 0.5), dtype)),
        memory_(rules::decision_bytes(plan_) / 8 + 1),
        scratch_(rules::select_scratch_bytes(plan_) / 8 + 1, kGarbage),
        decision_(rules::decision_at(plan_, memory_.data())) {
    rules::select(rules::Solo{}, plan_, D.data(), decision_, scratch_.data());
  }

  const Plan& plan() const { return plan_; }
  const rules::Outcome& outcome() const { return *decision_.outcome; }
  std::vector<double> weights() const {
    return {decision_.weights,
            decision_.weights + static_cast<std::ptrdiff_t>(plan_.rows) * plan_.n};
  }
  std::vector<double> scores() const { return {decision_.scores, decision_.scores + plan_.n}; }
  std::vector<double> reach() const { return {decision_.reach, decision_.reach + plan_.n}; }
  std::vector<int> broken() const { return marked(decision_.broken); }
  std::vector<int> flagged() const { return marked(decision_.flagged); }

  /// Rows of W with weight, in rank order; of several rows of W the first entry of each.
  std::vector<int> selected() const {
    std::vector<int> rows;
    for (int k = 0; k < plan_.rows * plan_.n; ++k) {
      if (decision_.weights[k] != 0) rows.push_back(k % plan_.n);
    }
    return rows;
  }

  const void* own_scratch() const {
    return reinterpret_cast<const std::uint8_t*>(scratch_.data()) + rules::neighbor_bytes(plan_.n);
  }

 private:
  static constexpr double kGarbage = -7.25e77;

  std::vector<int> marked(const std::uint8_t* rows) const {
    std::vector<int> indices;
    for (int i = 0; i < plan_.n; ++i) {
      if (rows[i]) indices.push_back(i);
    }
    return indices;
  }

  Plan plan_;
  std::vector<double> memory_;
  std::vector<double> scratch_;
  rules::Decision decision_;
};

}  // namespace byzccl::test
