// SPDX-License-Identifier: MIT
#include "benchmarks/figure.hpp"

#include <algorithm>

namespace byzccl::bench {

Json begin_figure(const std::string& step, const std::string& rule, const Group& group) {
  Json figure{{"step", step}};
  if (!rule.empty()) figure["rule"] = rule;
  figure["n"] = group.n;
  figure["d"] = group.d;
  figure["dtype"] = std::string(to_text(group.dtype));
  return figure;
}

void add_floor(Json& figure, double seconds, const std::vector<Need>& passes, const Rates& rates,
               double bytes_per_second) {
  const Floor floor = floor_of(passes, rates, bytes_per_second);
  double bytes = 0;
  double operations = 0;
  for (const Need& need : passes) {
    bytes += need.bytes;
    operations += need.distance_operations + need.comparator_operations;
  }
  figure["seconds"] = seconds;
  figure["bytes"] = bytes;
  figure["operations"] = operations;
  figure["floor_seconds"] = floor.seconds;
  figure["binds"] = std::string(floor.binds);
  figure["share"] = floor.seconds / seconds;
}

int selected_count(const std::vector<double>& weights) {
  return static_cast<int>(
      std::count_if(weights.begin(), weights.end(), [](double weight) { return weight != 0; }));
}

}  // namespace byzccl::bench
