// SPDX-License-Identifier: MIT
// Replicated servers in C++ alone: ByzSGD, asynchronous. Nine processes; five servers hold a model
// each, four workers have the data. One server is Byzantine and tells each worker another nonsense;
// one worker sends gradients of the wrong sign, ten times too large. Nobody waits for all: every
// node goes on with the first vectors that come, as many as the bounds in servers.hpp allow.

#include <byzccl/aggregate.hpp>
#include <byzccl/node.hpp>

#include "servers.hpp"

namespace {

using byzccl::Collected;
using byzccl::Quorum;
using example::all;
using example::deadline;

constexpr double kRate = 0.2;

torch::Tensor combine(const byzccl::Node& node, const Collected& collected, const char* rule) {
  torch::Tensor out = torch::empty({node.count()});
  byzccl::aggregate(collected.rows, node.count(), node.dtype(), byzccl::Rule::parse(rule),
                    out.data_ptr());
  return out;
}

/// Calls step(t) for t = 0, 1, ...; where a quorum has moved on meanwhile, it goes on there.
template <class Step>
void for_each_step(const Step& step) {
  for (std::int64_t t = 0; t < example::kSteps;) {
    try {
      step(t);
      ++t;
    } catch (const byzccl::QuorumError& overtaken) {
      if (overtaken.timed_out()) throw;
      t = overtaken.next_step();
    }
  }
}

/// Scatter: models to the workers, MDA of the first gradients. Gather, every few steps: the median
/// of the first models of the servers, which contracts the distance between them.
bool serve(byzccl::Node& node) {
  example::Model model = example::make_model();
  torch::Tensor theta = example::flat(model->parameters());
  const std::vector<int> workers = all(false, node.rank());
  const std::vector<int> servers = all(true, node.rank());
  for_each_step([&](std::int64_t t) {
    node.publish(example::kModel, t, theta.data_ptr(), workers);
    const Collected gradients = node.collect(
        {.kind = example::kGradient, .step = t, .q = example::kWorkerQuorum, .sources = workers},
        deadline());
    theta -= kRate * combine(node, gradients, "mda(f=1)");
    if (t % example::kGatherEvery != 0) return;
    node.publish(example::kGathered, t, theta.data_ptr(), servers);
    const Collected models = node.collect({.kind = example::kGathered,
                                           .step = t,
                                           .q = example::kServerQuorum,
                                           .sources = servers,
                                           .own = theta.data_ptr()},
                                          deadline());
    theta = combine(node, models, "median");
  });
  example::load(model, theta);
  const double accuracy = example::accuracy_of(model);
  std::printf("server %d: accuracy %.3f\n", node.rank(), accuracy);
  return accuracy > 0.9;
}

/// Each receiver gets another vector, and none is anybody's model.
bool serve_badly(byzccl::Node& node) {
  for_each_step([&](std::int64_t t) {
    for (int peer = 0; peer < node.size(); ++peer) {
      if (peer == node.rank()) continue;
      const torch::Tensor nonsense = 10 * torch::randn({node.count()});
      const int kind = example::is_server(peer) ? example::kGathered : example::kModel;
      node.publish(kind, t, nonsense.data_ptr(), {peer});
    }
    // In time with the others, so that it does harm.
    node.collect({.kind = example::kGradient, .step = t, .sources = all(false, node.rank())},
                 deadline());
  });
  return true;
}

bool work(byzccl::Node& node) {
  example::Model model = example::make_model();
  auto data = example::data_of(node.rank());
  const std::vector<int> servers = all(true, node.rank());
  for_each_step([&](std::int64_t t) {
    const Collected models = node.collect(
        {.kind = example::kModel, .step = t, .q = example::kServerQuorum, .sources = servers},
        deadline());
    example::load(model, combine(node, models, "median"));
    model->zero_grad();
    example::loss_of(model, example::draw(32, data)).backward();
    std::vector<torch::Tensor> gradients;
    for (const auto& parameter : model->parameters()) gradients.push_back(parameter.grad());
    torch::Tensor gradient = example::flat(gradients);
    if (example::is_bad(node.rank())) gradient *= -10;
    node.publish(example::kGradient, t, gradient.data_ptr(), servers);
  });
  return true;
}

bool play(byzccl::Node& node) {
  if (!example::is_server(node.rank())) return work(node);
  return example::is_bad(node.rank()) ? serve_badly(node) : serve(node);
}

}  // namespace

int main() { return example::run_nodes(play); }
