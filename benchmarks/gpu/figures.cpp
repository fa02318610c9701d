// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/figures.hpp"

#include <algorithm>
#include <byzccl/cuda.hpp>
#include <byzccl/error.hpp>
#include <byzccl/rules/grid.hpp>
#include <cmath>
#include <utility>
#include <vector>

#include "benchmarks/cases.hpp"
#include "benchmarks/gpu/goals.hpp"
#include "benchmarks/gpu/loops.hpp"
#include "benchmarks/gpu/selection.hpp"
#include "csrc/cuda/owners.hpp"
#include "kernels/launch.hpp"

namespace byzccl::bench {
namespace {

/// The device's units compute float32: 16-bit elements are converted first, one operation each, and
/// float64 operations count twice.
Need on_device(Need need, DType dtype) {
  if (size_of(dtype) == 2) need.distance_operations += need.bytes / 2;
  if (dtype == DType::kFloat64) {
    need.distance_operations *= 2;
    need.comparator_operations *= 2;
  }
  return need;
}

class Measuring {
 public:
  Measuring(const Group& group, const DeviceSetup& setup, const std::function<void(Json)>& found)
      : group_(group), setup_(setup), found_(found), x_(setup.vectors.first(group.n)) {}

  void distances() {
    const Times times = setup_.timer.time_of([&] { pairs(); });
    distance_seconds_ = times.median;
    add("distances", "", times, {distances_need(group_.n, group_.n, group_.d, group_.dtype)});
  }

  void peer() {
    if (group_.dtype != DType::kFloat32) return;
    const auto scratch = doubles(static_cast<std::size_t>(pair_blocks(group_.d)));
    const auto sums = doubles(pair_count());
    const Times times = setup_.timer.time_of([&] {
      distances_by_pairs(x_, group_.d, static_cast<double*>(sums.get()),
                         static_cast<double*>(scratch.get()), stream());
    });
    if (distance_seconds_ == 0) distance_seconds_ = setup_.timer.time_of([&] { pairs(); }).median;
    const double error = relative_error(download(sums.get()), total(download_ours()));
    Json figure = begin_figure("peer", "krum", group_);
    figure["peer"] = "one launch per pair";
    figure["name"] = "distances";
    figure["part"] = "distances";
    figure["seconds"] = times.median;
    figure["repetitions"] = times.repetitions;
    figure["byzccl_seconds"] = distance_seconds_;
    figure["ratio"] = times.median / distance_seconds_;
    figure["relative_error"] = error;
    found_(std::move(figure));
    BYZCCL_CHECK(error < 1e-4, "the distances are wrong by ", error, " at n = ", group_.n,
                 ", d = ", group_.d);
  }

  void weighted_sum() {
    const Plan plan = byzccl::plan(Rule::parse("mean"), group_.n, group_.dtype);
    const Selection selection(plan, {x_, group_.d, group_.dtype}, stream());
    selection.select();
    const auto mixes = cuda::allocate(kernels::mix_bytes(plan.rows), stream());
    kernels::list_selected(plan, selection.decision(), false, mixes.get(), stream());
    const Times times = setup_.timer.time_of([&] {
      kernels::weighted_sum(vectors(), mixes.get(), selection.decision().outcome,
                            setup_.vectors.out(), stream());
    });
    add("weighted_sum", "", times, {sum_need(group_.n, group_.d, group_.dtype)});
  }

  void columns(const std::string& text) {
    const Window window = plan(Rule::parse(text), group_.n, group_.dtype).window;
    const auto outcome = cuda::allocate(sizeof(rules::Outcome), stream());
    cuda::check(cudaMemsetAsync(outcome.get(), 0, sizeof(rules::Outcome), stream()),
                "cudaMemsetAsync");
    const Times times = setup_.timer.time_of([&] {
      kernels::combine_columns(vectors(), 0, window, nullptr, {nullptr, 0, group_.d},
                               static_cast<rules::Outcome*>(outcome.get()), setup_.vectors.out(),
                               stream());
    });
    add("columns", text, times, {columns_need(group_.n, group_.n, group_.d, group_.dtype)});
  }

  void select(const std::string& text) {
    Plan plan = byzccl::plan(Rule::parse(text), group_.n, group_.dtype);
    if (plan.rows == 0) return;
    plan.own = 0;
    const Selection selection(plan, {x_, group_.d, group_.dtype}, stream());
    const double begin = now();
    selection.select();
    cuda::check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize");
    // Quick ones several times in a row, so that what a launch costs counts once.
    const int calls = now() - begin < 1e-3 ? 8 : 1;
    const Times times = setup_.timer.time_of(
        [&] {
          for (int i = 0; i < calls; ++i) selection.select();
        },
        calls);
    Json figure = begin_figure("select", text, group_);
    figure["seconds"] = times.median;
    finish(std::move(figure), times);
  }

  void aggregate(const std::string& text) {
    const Rule rule = Rule::parse(text);
    const Plan plan = byzccl::plan(rule, group_.n, group_.dtype);
    const Caller caller{.own = plan.needs_own ? 0 : -1};
    const Report report =
        cuda::explain(x_, group_.d, group_.dtype, rule, nullptr, stream(), caller).read();
    double enqueue_seconds = 1e9;
    const Times times = setup_.timer.time_of([&] {
      const double begin = now();
      cuda::aggregate(x_, group_.d, group_.dtype, rule, setup_.vectors.out(), stream(), caller);
      enqueue_seconds = std::min(enqueue_seconds, now() - begin);
    });
    Json figure =
        with_floor("aggregate", text, times,
                   rule_needs(plan, selected_count(report.weights), group_.d, group_.dtype));
    figure["enqueue_seconds"] = enqueue_seconds;
    if (report.failed) figure["failed"] = true;
    finish(std::move(figure), times);
  }

 private:
  cudaStream_t stream() const { return setup_.timer.stream(); }
  kernels::Vectors vectors() const { return {x_, group_.d, group_.dtype}; }
  rules::Grid grid() const { return rules::grid(group_.d, group_.n); }
  std::size_t pair_count() const { return static_cast<std::size_t>(rules::pair_count(group_.n)); }
  std::shared_ptr<void> doubles(std::size_t count) const {
    return cuda::allocate(count * sizeof(double), stream());
  }

  /// The sums of all shards.
  void pairs() {
    if (!sums_) {
      sums_ = doubles(pair_count() * static_cast<std::size_t>(group_.n));
      scratch_ = cuda::allocate(kernels::distance_scratch_bytes(group_.n, group_.d, grid().tile),
                                stream());
    }
    kernels::pairwise_distances(vectors(), grid().tile, group_.n, static_cast<double*>(sums_.get()),
                                scratch_.get(), stream());
  }

  std::vector<double> download(const void* from, std::size_t lines = 1) const {
    std::vector<double> host(pair_count() * lines);
    cuda::check(cudaMemcpyAsync(host.data(), from, host.size() * sizeof(double),
                                cudaMemcpyDeviceToHost, stream()),
                "cudaMemcpyAsync");
    cuda::check(cudaStreamSynchronize(stream()), "cudaStreamSynchronize");
    return host;
  }
  std::vector<double> download_ours() const {
    return download(sums_.get(), static_cast<std::size_t>(group_.n));
  }

  /// Of [shards, pairs].
  std::vector<double> total(const std::vector<double>& shards) const {
    std::vector<double> sums(pair_count());
    for (std::size_t k = 0; k < shards.size(); ++k) sums[k % sums.size()] += shards[k];
    return sums;
  }

  static double relative_error(const std::vector<double>& want, const std::vector<double>& got) {
    double worst = 0;
    for (std::size_t k = 0; k < want.size(); ++k) {
      const double error = std::fabs(got[k] - want[k]) / want[k];
      worst = error <= worst ? worst : error;  // NaN stays
    }
    return worst;
  }

  Json with_floor(const std::string& step, const std::string& rule, const Times& times,
                  std::vector<Need> passes) const {
    for (Need& need : passes) need = on_device(need, group_.dtype);
    Json figure = begin_figure(step, rule, group_);
    add_floor(figure, times.median, passes, setup_.rates.rates, setup_.rates.copy);
    const double rate = figure["bytes"].get<double>() / times.median;
    figure["bytes_per_second"] = rate;
    figure["copy_share"] = rate / setup_.rates.copy;
    return figure;
  }

  void add(const std::string& step, const std::string& rule, const Times& times,
           const std::vector<Need>& passes) const {
    finish(with_floor(step, rule, times, passes), times);
  }

  void finish(Json figure, const Times& times) const {
    figure["best_seconds"] = times.best;
    figure["repetitions"] = times.repetitions;
    if (const auto goal = goal_of(figure)) {
      figure["goal"] = {{"key", goal->key}, {goal->at_least ? "least" : "most", goal->bound}};
      figure["met"] = goal->met(figure);
    }
    found_(std::move(figure));
  }

  const Group& group_;
  const DeviceSetup& setup_;
  const std::function<void(Json)>& found_;
  const std::span<const void* const> x_;
  std::shared_ptr<void> sums_;  // [shards, pairs]
  std::shared_ptr<void> scratch_;
  double distance_seconds_ = 0;
};

}  // namespace

void measure_on_device(const Group& group, const DeviceSetup& setup,
                       const std::function<void(Json)>& found) {
  Measuring measuring(group, setup, found);
  const auto wanted = [&](const char* step) { return setup.steps.count(step) > 0; };
  const std::vector<std::string> texts = rule_texts(group.n, group.d);
  if (wanted("distances") && group.n > 1) measuring.distances();
  if (wanted("peer") && group.n > 1) measuring.peer();
  if (wanted("weighted_sum")) measuring.weighted_sum();
  if (wanted("columns")) {
    for (const std::string& text : column_rule_texts(group.n)) measuring.columns(text);
  }
  if (wanted("select")) {
    for (const std::string& text : texts) measuring.select(text);
  }
  if (wanted("aggregate")) {
    for (const std::string& text : texts) measuring.aggregate(text);
  }
}

}  // namespace byzccl::bench
