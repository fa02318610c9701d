// SPDX-License-Identifier: MIT
// The library on a GPU, without torch: where there is none, the error that says so.

#include <cuda_runtime_api.h>
#include <byzccl/cuda.hpp>
#include <byzccl/error.hpp>

#include <cstddef>
#include <iostream>
#include <vector>

int main() {
  const std::vector<float> x{1, 2, 2, 3, 9};  // five vectors of one element
  const auto rule = byzccl::Rule::parse("krum(f=1)");
  void* memory = nullptr;
  const bool there = cudaMalloc(&memory, 6 * sizeof(float)) == cudaSuccess;
  std::vector<float> host(6);
  float* const device = there ? static_cast<float*>(memory) : host.data();
  if (there) cudaMemcpy(device, x.data(), 5 * sizeof(float), cudaMemcpyHostToDevice);
  std::vector<const void*> vectors;
  for (std::size_t i = 0; i < 5; ++i) vectors.push_back(device + i);
  try {
    byzccl::cuda::aggregate(vectors, 1, byzccl::DType::kFloat32, rule, device + 5, nullptr);
    float out = 0;
    cudaMemcpy(&out, device + 5, sizeof(float), cudaMemcpyDeviceToHost);
    std::cout << byzccl::to_text(rule) << " on a GPU: " << out << '\n';
  } catch (const byzccl::CudaError& error) {
    std::cout << "CudaError: " << error.what() << '\n';
  }
  const auto build = byzccl::cuda::build();
  std::cout << build.runtime / 1000 - build.compiled_runtime / 1000 << '\n';
}
