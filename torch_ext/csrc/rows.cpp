// SPDX-License-Identifier: MIT
// Tensors as the library's pointers.

#include "rows.hpp"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <byzccl/rule.hpp>

namespace byzccl::torch {

DType dtype_of(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return DType::kFloat32;
    case at::kHalf:
      return DType::kFloat16;
    case at::kBFloat16:
      return DType::kBFloat16;
    case at::kDouble:
      return DType::kFloat64;
    default:
      throw_invalid_argument(
          concat("dtype must be float32, float16, bfloat16 or float64, got ", c10::toString(type)));
  }
}

void check_device(const at::Tensor& tensor, std::string_view name, at::Device device) {
  BYZCCL_CHECK(tensor.device() == device, name, " must be on ",
               device.is_cpu() ? "the CPU" : device.str(), ", is on ", tensor.device().str());
}

void check_flat(const at::Tensor& tensor, std::string_view name, at::Device device) {
  BYZCCL_CHECK(tensor.defined(), name, " is not a tensor");
  check_device(tensor, name, device);
  BYZCCL_CHECK(tensor.layout() == at::kStrided, name, " must be dense");
  BYZCCL_CHECK(tensor.is_contiguous() && !tensor.is_neg(), name, " must be contiguous");
  dtype_of(tensor.scalar_type());
}

StackRows::StackRows(const at::Tensor& stack) {
  BYZCCL_CHECK(stack.dim() >= 1, "stack must be [n, ...], got a tensor without dimensions");
  BYZCCL_CHECK(stack.layout() == at::kStrided, "stack must be dense");
  BYZCCL_CHECK(stack.size(0) >= 1, "stack must be [n, ...] with n >= 1, got n = 0");
  dtype = dtype_of(stack.scalar_type());
  const bool rows_are_flat = !stack.is_neg() && stack.select(0, 0).is_contiguous();
  owner = rows_are_flat ? stack : at::empty_like(stack, at::MemoryFormat::Contiguous).copy_(stack);

  const std::int64_t n = owner.size(0);
  d = owner.numel() / n;
  const auto* first = static_cast<const std::byte*>(owner.const_data_ptr());
  const std::int64_t stride = owner.stride(0) * static_cast<std::int64_t>(size_of(dtype));
  x.reserve(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) x.push_back(first + i * stride);
}

void follow_torch_threads() { set_threads(std::max(1, at::get_num_threads())); }

}  // namespace byzccl::torch
