// SPDX-License-Identifier: MIT
// What the extension does on a CUDA device. on_cuda.cpp is all of it that knows CUDA;
// without_cuda.cpp stands in for it in a build that has none.

#pragma once

#include <ATen/core/Tensor.h>

#include <byzccl/report.hpp>
#include <functional>
#include <string>

#include "local_call.hpp"

namespace byzccl::torch {

/// The aggregate of a stack [n, ...] on a CUDA device, on its current stream; nothing synchronises,
/// but for a rule that needs the previous output and is given one.
/// @throws InvalidArgument, CudaError
at::Tensor aggregate_on_cuda(const at::Tensor& stack, const Rule& rule,
                             const CallerArguments& arguments);

/// What reads the report of the same, from any thread: only then something waits.
std::function<Report()> explain_on_cuda(const at::Tensor& stack, const Rule& rule,
                                        const CallerArguments& arguments);

/// What this build knows of CUDA; compiled_runtime 0: it was built without.
struct CudaBuild {
  int compiled_runtime = 0;  ///< 1000 major + 10 minor, as the two below
  int runtime = 0;
  int driver = 0;             ///< 0: there is none
  std::string architectures;  ///< "80;90"
};
CudaBuild cuda_build();

}  // namespace byzccl::torch
