// SPDX-License-Identifier: MIT
// A build without CUDA: it says how to get one.

#include <byzccl/error.hpp>

#include "on_cuda.hpp"

namespace byzccl::torch {
namespace {

[[noreturn]] void refuse(const at::Tensor& tensor) {
  throw CudaError(concat("the tensor is on ", tensor.device().str(),
                         ", and this byzccl was built without CUDA. With nvcc and a torch that has "
                         "CUDA: pip install --no-build-isolation -Ccmake.define.BYZCCL_CUDA=ON . "
                         "(docs/install.md); or move the tensor with .cpu()"));
}

}  // namespace

at::Tensor aggregate_on_cuda(const at::Tensor& stack, const Rule& /*rule*/,
                             const CallerArguments& arguments) {
  check_devices(stack, arguments);
  refuse(stack);
}

std::function<Report()> explain_on_cuda(const at::Tensor& stack, const Rule& /*rule*/,
                                        const CallerArguments& arguments) {
  check_devices(stack, arguments);
  refuse(stack);
}

CudaBuild cuda_build() { return {}; }

}  // namespace byzccl::torch
