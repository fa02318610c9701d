// SPDX-License-Identifier: MIT
// A build without CUDA: it says how to get one.

#include <byzccl/error.hpp>

#include "byzccl_torch.hpp"
#include "on_cuda.hpp"

namespace byzccl::torch {
namespace {

[[noreturn]] void refuse(at::Device device) {
  throw CudaError(concat(
      "the tensor is on ", device.str(),
      ", and this byzccl was built without CUDA. With nvcc and a torch that has CUDA: pip install "
      "--no-build-isolation -Ccmake.define.BYZCCL_CUDA=ON . (docs/install.md); or move the tensor "
      "with .cpu()"));
}

}  // namespace

at::Tensor aggregate_on_cuda(const at::Tensor& stack, const Rule& /*rule*/,
                             const CallerArguments& arguments) {
  check_devices(stack, arguments);
  refuse(stack.device());
}

std::function<Report()> explain_on_cuda(const at::Tensor& stack, const Rule& /*rule*/,
                                        const CallerArguments& arguments) {
  check_devices(stack, arguments);
  refuse(stack.device());
}

std::shared_ptr<Transport> cuda_transport(std::shared_ptr<Transport> control, at::Device device,
                                          std::chrono::milliseconds /*timeout*/) {
  control->abort();  // the others hear of it now
  refuse(device);
}

CUstream_st* current_stream(at::Device device) { refuse(device); }

void record_current_stream(const at::Tensor& tensor) { refuse(tensor.device()); }

CudaBuild cuda_build() { return {}; }

}  // namespace byzccl::torch
