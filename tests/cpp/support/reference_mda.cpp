// SPDX-License-Identifier: MIT
// mda twice: by enumeration, and by covers for where enumeration takes too long.

#include <algorithm>

#include "support/reference_geometry.hpp"

namespace byzccl::testing {
namespace {

// Every pair of unbroken rows whose distance lies near the diameter without being equal to it could
// change places with it. Sufficient, not necessary.
double margin_around(const Geometry& g, double diameter) {
  double margin = kInfinity;
  for (const int i : g.unbroken()) {
    for (const int j : g.unbroken()) {
      margin = std::min(margin, relative_gap(g.distances[i][j], diameter));
    }
  }
  return margin;
}

struct Enumeration {
  const Geometry& g;
  const std::vector<int> rows;
  const std::size_t wanted;
  std::vector<int> set;
  SmallestSet best;

  // Sets come in lexicographic order; a later one must be strictly smaller.
  void extend(std::size_t from, double diameter) {
    if (set.size() == wanted) {
      if (best.rows.empty() || diameter < best.diameter) {
        best.rows = set;
        best.diameter = diameter;
      }
      return;
    }
    for (std::size_t k = from; k + (wanted - set.size()) <= rows.size(); ++k) {
      double larger = diameter;
      for (const int i : set) larger = std::max(larger, g.distances[i][rows[k]]);
      set.push_back(rows[k]);
      extend(k + 1, larger);
      set.pop_back();
    }
  }
};

// May `budget` rows be left out, of those neither kept nor out already, so that no pair farther
// apart than `limit` remains? Takes any such pair: one of its two must go.
bool coverable(const Geometry& g, double limit, const std::vector<char>& kept,
               std::vector<char>& out, int budget) {
  if (budget < 0) return false;
  for (int i = 0; i < g.n; ++i) {
    if (out[i]) continue;
    for (int j = i + 1; j < g.n; ++j) {
      if (out[j] || !(g.distances[i][j] > limit)) continue;
      for (const int gone : {i, j}) {
        if (kept[gone]) continue;
        out[gone] = 1;
        const bool enough = coverable(g, limit, kept, out, budget - 1);
        out[gone] = 0;
        if (enough) return true;
      }
      return false;
    }
  }
  return true;
}

}  // namespace

SmallestSet smallest_set_by_enumeration(const Geometry& g) {
  Enumeration walk{g, g.unbroken(), static_cast<std::size_t>(g.n - g.f), {}, {}};
  walk.extend(0, 0);
  walk.best.margin = margin_around(g, walk.best.diameter);
  return walk.best;
}

SmallestSet smallest_set_by_cover(const Geometry& g) {
  std::vector<char> out = g.broken;
  std::vector<char> kept(g.broken.size(), 0);
  int budget = g.f - static_cast<int>(std::count(out.begin(), out.end(), 1));
  std::vector<double> values{0};
  for (const int i : g.unbroken()) {
    for (const int j : g.unbroken()) values.push_back(g.distances[i][j]);
  }
  std::sort(values.begin(), values.end());
  const double diameter = *std::partition_point(values.begin(), values.end(), [&](double limit) {
    return !coverable(g, limit, kept, out, budget);
  });

  SmallestSet best{{}, diameter, margin_around(g, diameter)};
  for (int i = 0; i < g.n && static_cast<int>(best.rows.size()) < g.n - g.f; ++i) {
    if (out[i]) continue;
    kept[i] = 1;
    if (coverable(g, diameter, kept, out, budget)) {
      best.rows.push_back(i);
    } else {
      kept[i] = 0;
      out[i] = 1;
      --budget;
    }
  }
  return best;
}

}  // namespace byzccl::testing
