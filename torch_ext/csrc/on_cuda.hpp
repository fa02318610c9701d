// SPDX-License-Identifier: MIT
// What the extension does on a CUDA device. cuda_part.cpp finds the library that does it;
// on_cuda.cpp is that library, and all that knows CUDA. Without it each throws CudaError, which
// says why.

#pragma once

#include <ATen/core/Tensor.h>

#include <byzccl/report.hpp>
#include <functional>
#include <string>

#include "local_call.hpp"

struct CUstream_st;

namespace byzccl::torch {

/// The aggregate of a stack [n, ...] on a CUDA device, on its current stream; nothing synchronises.
/// @throws InvalidArgument, CudaError
at::Tensor aggregate_on_cuda(const at::Tensor& stack, const Rule& rule,
                             const CallerArguments& arguments);

/// What reads the report of the same, from any thread: only then something waits.
std::function<Report()> explain_on_cuda(const at::Tensor& stack, const Rule& rule,
                                        const CallerArguments& arguments);

/// torch's current stream on a CUDA device.
/// @throws InvalidArgument if a CUDA graph captures it
CUstream_st* current_stream(at::Device device);

/// When `tensor`, on a CUDA device, is freed, its memory has no other owner before the work that is
/// on the device's current stream by then is done.
void record_current_stream(const at::Tensor& tensor);

/// What this build knows of CUDA and NCCL, as byzccl::cuda::Build; 0: it was built without, or its
/// part for CUDA cannot be loaded here.
struct CudaBuild {
  int compiled_runtime = 0;
  int runtime = 0;
  int driver = 0;
  std::string architectures;
  int compiled_nccl = 0;
  int nccl = 0;
  std::string unloadable;  ///< why that part, which was built, is not there
};
CudaBuild cuda_build();

}  // namespace byzccl::torch
