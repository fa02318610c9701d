// SPDX-License-Identifier: MIT
// The part of the extension that knows CUDA: torch's current stream, its allocator, device guards.

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <byzccl/cuda.hpp>
#include <byzccl/error.hpp>
#include <memory>
#include <mutex>
#include <utility>

#include "cuda_part.hpp"
#ifdef BYZCCL_WITH_NCCL
#include <byzccl/nccl.hpp>
#endif

namespace byzccl::torch {
namespace {

/// Scratch from torch's caching allocator: what torch has cached is there for us, what we have
/// cached is there for torch, and a CUDA graph gets it from its own pool. A block belongs to the
/// stream that it was taken for, and its next owner's work comes after ours there.
class TorchMemory final : public cuda::Memory {
 public:
  void* take(std::size_t bytes, CUstream_st* stream) override {
    return c10::cuda::CUDACachingAllocator::raw_alloc_with_stream(bytes, stream);
  }
  void give_back(void* memory, CUstream_st* /*stream*/) noexcept override {
    c10::cuda::CUDACachingAllocator::raw_delete(memory);
  }
};

void use_torch_memory() {
  static std::once_flag once;
  std::call_once(once, [] { cuda::set_memory(std::make_shared<TorchMemory>()); });
}

/// Whether a CUDA graph captures the current stream.
bool is_captured() {
  return c10::cuda::currentStreamCaptureStatusMayInitCtx() != c10::cuda::CaptureStatus::None;
}

/// A call on the stack's device, which is the current one for as long as this lives.
class DeviceCall {
 public:
  DeviceCall(const at::Tensor& stack, const Rule& rule, const CallerArguments& arguments)
      : guard_((check_devices(stack, arguments), stack.device())),
        call_(stack, rule, arguments),
        stream_(c10::cuda::getCurrentCUDAStream()) {
    use_torch_memory();
  }

  void aggregate(const Rule& rule, void* out) const {
    const auto& [owner, x, d, dtype] = call_.rows;
    cuda::aggregate(x, d, dtype, rule, out, stream_, call_.caller);
  }

  cuda::Explained explain(const Rule& rule) const {
    const auto& [owner, x, d, dtype] = call_.rows;
    return cuda::explain(x, d, dtype, rule, nullptr, stream_, call_.caller);
  }

 private:
  c10::cuda::CUDAGuard guard_;
  LocalCall call_;
  CUstream_st* stream_;
};

/// The functions of CudaPart.
namespace part {

at::Tensor aggregate(const at::Tensor& stack, const Rule& rule, const CallerArguments& arguments) {
  const DeviceCall call(stack, rule, arguments);
  at::Tensor out = at::empty(stack.sizes().slice(1), stack.options());
  call.aggregate(rule, out.mutable_data_ptr());
  return out;
}

std::function<Report()> explain(const at::Tensor& stack, const Rule& rule,
                                const CallerArguments& arguments) {
  const DeviceCall call(stack, rule, arguments);
  return [explained = call.explain(rule), device = stack.device()] {
    const c10::cuda::CUDAGuard guard(device);
    return explained.read();
  };
}

std::shared_ptr<Transport> transport([[maybe_unused]] std::shared_ptr<Transport> control,
                                     at::Device device,
                                     [[maybe_unused]] std::chrono::milliseconds timeout) {
  at::globalContext().lazyInitDevice(at::kCUDA);  // torch's memory, if there is no tensor yet
  const c10::cuda::CUDAGuard guard(device);
  use_torch_memory();
#ifdef BYZCCL_WITH_NCCL
  return nccl_transport(std::move(control), timeout);
#else
  throw CudaError(
      "this byzccl was built without NCCL, over which CUDA tensors travel among ranks: build it "
      "where nccl.h is, with -Ccmake.define.BYZCCL_NCCL=ON (docs/install.md)");
#endif
}

CUstream_st* current_stream(at::Device device) {
  const c10::cuda::CUDAGuard guard(device);
  BYZCCL_CHECK(!is_captured(), "ranks agree from the host: no CUDA graph captures that");
  return c10::cuda::getCurrentCUDAStream();
}

void record_current_stream(const at::Tensor& tensor) {
  c10::cuda::CUDACachingAllocator::recordStream(
      tensor.storage().data_ptr(), c10::cuda::getCurrentCUDAStream(tensor.device().index()));
}

CudaBuild build() {
  const cuda::Build b = cuda::build();
  return {b.compiled_runtime, b.runtime, b.driver, b.architectures, b.compiled_nccl, b.nccl, ""};
}

}  // namespace part
}  // namespace
}  // namespace byzccl::torch

const byzccl::torch::CudaPart byzccl_torch_cuda_part = {
    .aggregate = &byzccl::torch::part::aggregate,
    .explain = &byzccl::torch::part::explain,
    .current_stream = &byzccl::torch::part::current_stream,
    .record_current_stream = &byzccl::torch::part::record_current_stream,
    .transport = &byzccl::torch::part::transport,
    .build = &byzccl::torch::part::build,
};
