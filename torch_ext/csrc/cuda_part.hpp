// SPDX-License-Identifier: MIT
// The part of the extension that is linked to CUDA: a library of its own, libbyzccl_torch_cuda,
// loaded when a CUDA tensor first comes. So the rest is imported where there is no CUDA at all,
// such as beside a torch for the CPU alone.

#pragma once

#include "byzccl_torch.hpp"
#include "on_cuda.hpp"

namespace byzccl::torch {

/// What the library exports, as byzccl_torch_cuda_part: the functions of on_cuda.hpp, and
/// cuda_transport().
struct CudaPart {
  at::Tensor (*aggregate)(const at::Tensor& stack, const Rule& rule,
                          const CallerArguments& arguments);
  std::function<Report()> (*explain)(const at::Tensor& stack, const Rule& rule,
                                     const CallerArguments& arguments);
  CUstream_st* (*current_stream)(at::Device device);
  void (*record_current_stream)(const at::Tensor& tensor);
  std::shared_ptr<Transport> (*transport)(std::shared_ptr<Transport> control, at::Device device,
                                          std::chrono::milliseconds timeout);
  CudaBuild (*build)();
};

}  // namespace byzccl::torch

extern "C" const byzccl::torch::CudaPart byzccl_torch_cuda_part;
