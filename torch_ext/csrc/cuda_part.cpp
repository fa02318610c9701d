// SPDX-License-Identifier: MIT
// Calls the part that knows CUDA, or says why there is none: the build has none, or what that part
// is linked to is missing here.

#include "cuda_part.hpp"

#include <byzccl/error.hpp>
#include <string>

#ifdef BYZCCL_WITH_CUDA_PART
#include <dlfcn.h>
#endif

namespace byzccl::torch {
namespace {

/// The part, or in words why it is not there.
struct Found {
  const CudaPart* part = nullptr;
  std::string reason;
  bool was_built = true;
};

#ifdef BYZCCL_WITH_CUDA_PART
/// From the folder of this library, and never unloaded.
Found load() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&load), &self) == 0) return {nullptr, dlerror()};
  const std::string path(self.dli_fname);
  const std::string folder = path.substr(0, path.find_last_of('/') + 1);
  void* const library = dlopen((folder + "libbyzccl_torch_cuda.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  const void* const part = library ? dlsym(library, "byzccl_torch_cuda_part") : nullptr;
  if (part) return {static_cast<const CudaPart*>(part), ""};
  return {nullptr,
          concat("this byzccl was built with CUDA, which cannot be loaded here: ", dlerror(),
                 ". It needs a torch that has CUDA, of the same major version")};
}
#else
Found load() {
  return {nullptr,
          "this byzccl was built without CUDA. With nvcc and a torch that has CUDA: pip install "
          "--no-build-isolation -Ccmake.define.BYZCCL_CUDA=ON . (docs/install.md)",
          false};
}
#endif

const Found& found() {
  static const Found once = load();
  return once;
}

/// @throws CudaError where there is none
const CudaPart& part_for(at::Device device) {
  const auto& [part, reason, was_built] = found();
  if (part) return *part;
  throw CudaError(concat("the tensor is on ", device.str(), ", and ", reason,
                         "; or move the tensor with .cpu()"));
}

}  // namespace

at::Tensor aggregate_on_cuda(const at::Tensor& stack, const Rule& rule,
                             const CallerArguments& arguments) {
  check_devices(stack, arguments);
  return part_for(stack.device()).aggregate(stack, rule, arguments);
}

std::function<Report()> explain_on_cuda(const at::Tensor& stack, const Rule& rule,
                                        const CallerArguments& arguments) {
  check_devices(stack, arguments);
  return part_for(stack.device()).explain(stack, rule, arguments);
}

std::shared_ptr<Transport> cuda_transport(std::shared_ptr<Transport> control, at::Device device,
                                          std::chrono::milliseconds timeout) {
  try {
    BYZCCL_CHECK(device.is_cuda(), "cuda_transport needs a CUDA device, got ", device.str());
    return part_for(device).transport(control, device, timeout);
  } catch (...) {
    control->abort();  // the others hear of it now
    throw;
  }
}

CUstream_st* current_stream(at::Device device) { return part_for(device).current_stream(device); }

void record_current_stream(const at::Tensor& tensor) {
  part_for(tensor.device()).record_current_stream(tensor);
}

CudaBuild cuda_build() {
  const auto& [part, reason, was_built] = found();
  if (part) return part->build();
  CudaBuild none;
  if (was_built) none.unloadable = reason;
  return none;
}

}  // namespace byzccl::torch
