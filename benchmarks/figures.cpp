// SPDX-License-Identifier: MIT
#include "benchmarks/figures.hpp"

#include <byzccl/aggregate.hpp>
#include <byzccl/rules/grid.hpp>
#include <string>
#include <vector>

#include "benchmarks/cases.hpp"
#include "csrc/cpu/combine_columns.hpp"
#include "csrc/cpu/pairwise_distances.hpp"
#include "csrc/cpu/weighted_sum.hpp"

namespace byzccl::bench {
namespace {

class Measuring {
 public:
  Measuring(const Group& group, const Setup& setup, const std::function<void(Json)>& found)
      : group_(group),
        setup_(setup),
        found_(found),
        rows_{setup.vectors.first(group.n), group.d, group.dtype} {}

  void distances() {
    const rules::Grid grid = rules::grid(group_.d, group_.n);
    std::vector<std::int64_t> ends;
    for (int k = 1; k <= group_.n; ++k) ends.push_back(grid.first_tile(k));
    std::vector<double> total(static_cast<std::size_t>(rules::pair_count(group_.n)));
    const Times times =
        timed([&] { cpu::pairwise_distances(rows_, grid.tile, ends, total.data()); });
    add("distances", "", times, {distances_need(group_.n, group_.n, group_.d, group_.dtype)});
  }

  void weighted_sum() {
    const std::vector<double> weights(static_cast<std::size_t>(group_.n), 1.0 / group_.n);
    const cpu::Mix mix = cpu::make_mix(rows_, weights.data(), 0);
    const Times times =
        timed([&] { cpu::weighted_sum(mix, group_.d, group_.dtype, setup_.vectors.out()); });
    add("weighted_sum", "", times, {sum_need(group_.n, group_.d, group_.dtype)});
  }

  void columns(const std::string& text) {
    const Window window = plan(Rule::parse(text), group_.n, group_.dtype).window;
    const Times times =
        timed([&] { cpu::combine_columns(rows_, {}, window, setup_.vectors.out()); });
    add("columns", text, times, {columns_need(group_.n, group_.n, group_.d, group_.dtype)});
  }

  void aggregate(const std::string& text) {
    const Rule rule = Rule::parse(text);
    const Plan plan = byzccl::plan(rule, group_.n, group_.dtype);
    const Caller caller{.own = plan.needs_own ? 0 : -1};
    double select_seconds = 0;
    bool failed = false;
    std::vector<Need> passes;
    const Times times = timed([&] {
      const Report report =
          explain(rows_.x, group_.d, group_.dtype, rule, setup_.vectors.out(), caller);
      for (const Phase& phase : report.phases) {
        if (phase.name == "select") select_seconds = phase.seconds;
      }
      failed = report.failed;
      if (passes.empty()) {
        passes = rule_needs(plan, selected_count(report.weights), group_.d, group_.dtype);
      }
    });
    Json figure = figure_of("aggregate", text, times, passes);
    figure["select_seconds"] = select_seconds;
    if (failed) figure["failed"] = true;
    found_(std::move(figure));
  }

 private:
  Times timed(const std::function<void()>& work) const { return time_of(work, setup_.patience); }

  Json figure_of(const std::string& step, const std::string& rule, const Times& times,
                 const std::vector<Need>& passes) const {
    Json figure = begin_figure(step, rule, group_);
    add_floor(figure, times.best, passes, setup_.rates, setup_.bytes_per_second);
    figure["median_seconds"] = times.median;
    figure["repetitions"] = times.repetitions;
    return figure;
  }

  void add(const std::string& step, const std::string& rule, const Times& times,
           const std::vector<Need>& passes) const {
    found_(figure_of(step, rule, times, passes));
  }

  const Group& group_;
  const Setup& setup_;
  const std::function<void(Json)>& found_;
  const Rows rows_;
};

}  // namespace

void measure(const Group& group, const Setup& setup, const std::function<void(Json)>& found) {
  Measuring measuring(group, setup, found);
  measuring.distances();
  measuring.weighted_sum();
  for (const std::string& text : column_rule_texts(group.n)) measuring.columns(text);
  for (const std::string& text : rule_texts(group.n, group.d)) measuring.aggregate(text);
}

}  // namespace byzccl::bench
