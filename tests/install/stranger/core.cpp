// SPDX-License-Identifier: MIT
// The library without torch.

#include <byzccl/byzccl.hpp>
#include <iostream>
#include <vector>

int main() {
  const std::vector<float> x{1, 2, 2, 3, 9};  // five vectors of one element
  std::vector<const void*> vectors;
  for (const float& value : x) vectors.push_back(&value);
  const auto rule = byzccl::Rule::parse("krum(f=1)");
  float out = 0;
  byzccl::aggregate(vectors, 1, byzccl::DType::kFloat32, rule, &out);
  std::cout << byzccl::to_text(rule) << ": " << out << '\n';
}
