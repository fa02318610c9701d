// SPDX-License-Identifier: MIT
// Data-parallel training in C++ alone: five processes, one of which sends gradients of the wrong
// sign, ten times too large. Trained once with krum(f=1) and once with the plain mean.

#include <byzccl_torch.hpp>
#include <vector>

#include "replicas.hpp"

namespace {

/// Replaces the gradients by what the ranks agree on.
void reduce_gradients(example::Model& model, byzccl::torch::Communicator& communicator,
                      const byzccl::Rule& rule) {
  std::vector<torch::Tensor> pieces;
  for (const auto& parameter : model->parameters()) pieces.push_back(parameter.grad().flatten());
  torch::Tensor flat = torch::cat(pieces);
  if (communicator.rank() == example::kByzantineRank) flat *= -10;

  communicator.all_reduce(flat, rule).wait();

  std::int64_t at = 0;
  for (const auto& parameter : model->parameters()) {
    parameter.grad().copy_(flat.narrow(0, at, parameter.numel()).view_as(parameter));
    at += parameter.numel();
  }
}

example::Model train(const example::Store& store, int rank, const byzccl::Rule& rule) {
  const auto communicator = byzccl::torch::make_communicator(
      store, rank, example::kRanks, {.timeout = std::chrono::milliseconds(20'000)});
  auto model = example::make_model();
  auto data = example::data_of(rank);
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.2));
  for (int step = 0; step < example::kSteps; ++step) {
    optimizer.zero_grad();
    example::loss_of(model, example::draw(32, data)).backward();
    reduce_gradients(model, *communicator, rule);
    optimizer.step();
  }
  return model;
}

}  // namespace

int main() { return example::run(train); }
