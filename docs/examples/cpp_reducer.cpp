// SPDX-License-Identifier: MIT
// The same training over c10d::Reducer, as DistributedDataParallel does it: gradients travel in
// buckets while the backward pass still computes, and byzccl is the Reducer's hook.

#include <byzccl_reducer.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "replicas.hpp"

namespace {

constexpr std::chrono::milliseconds kTimeout{20'000};
constexpr std::int64_t kBucketBytes = 1024;  // small, so that there are several

std::unique_ptr<c10d::Reducer> make_reducer(const example::Store& store, int rank,
                                            const std::vector<torch::Tensor>& parameters) {
  // One bucket at first: the Reducer cuts it up in the order of the first backward pass.
  std::vector<std::size_t> all(parameters.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return std::make_unique<c10d::Reducer>(
      parameters, std::vector<std::vector<std::size_t>>{all},
      byzccl::torch::make_process_group(store, rank, example::kRanks, kTimeout),
      std::vector<bool>(parameters.size(), false), kBucketBytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/false,
      std::unordered_map<std::size_t, std::string>{}, kBucketBytes,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false,
      std::vector<std::int64_t>{});
}

/// A bad rank: each bucket leaves with the wrong sign, ten times too large.
void tamper(const torch::Tensor& bucket) { bucket.mul_(-10); }

example::Model train(const example::Store& store, int rank, const byzccl::Rule& rule) {
  auto model = example::make_model();
  const auto in = [&](const char* prefix) {
    return c10::make_intrusive<c10d::PrefixStore>(prefix, store);
  };
  const std::shared_ptr communicator =
      byzccl::torch::make_communicator(in("byzccl"), rank, example::kRanks, {.timeout = kTimeout});
  const auto reducer = make_reducer(in("reducer"), rank, model->parameters());

  byzccl::torch::ReducerHookOptions options{.rule = rule};
  if (rank == example::kByzantineRank) options.tamper = tamper;
  const auto hook =
      std::make_shared<byzccl::torch::ReducerHook>(*reducer, communicator, std::move(options));
  byzccl::torch::attach(hook, *reducer);

  auto data = example::data_of(rank);
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.2));
  for (int step = 0; step < example::kSteps; ++step) {
    const bool rebuilt = reducer->rebuild_buckets();
    if (rebuilt != (step == 1)) throw std::runtime_error("the buckets were not cut up once");
    optimizer.zero_grad();
    const torch::Tensor loss = example::loss_of(model, example::draw(32, data));
    reducer->prepare_for_backward({});
    loss.backward();  // returns once every gradient is what the ranks agree on
    optimizer.step();
  }

  const byzccl::torch::StepCounts counts = hook->counts();
  if (counts.steps != example::kSteps) throw std::runtime_error("a step gave no report");
  const bool picks = rule.kind == byzccl::RuleKind::kKrum;
  if (picks && counts.excluded[example::kByzantineRank] != counts.steps) {
    throw std::runtime_error("the Byzantine rank had a say");
  }
  return model;
}

}  // namespace

int main() { return example::run(train); }
