// SPDX-License-Identifier: MIT
// The library over torch: a group of one rank. Its header comes first, as it must stand alone.

#include <byzccl_torch.hpp>

#include <ATen/ops/full.h>

#include <iostream>
#include <torch/csrc/distributed/c10d/HashStore.hpp>

int main() {
  const auto store = c10::make_intrusive<c10d::HashStore>();
  const auto communicator = byzccl::torch::make_communicator(store, 0, 1);
  const at::Tensor x = at::full({}, 2.0);
  communicator->all_reduce(x, byzccl::Rule::parse("mean")).wait();
  std::cout << "mean: " << x.item<double>() << '\n';
}
