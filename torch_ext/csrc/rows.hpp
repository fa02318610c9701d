// SPDX-License-Identifier: MIT
// Tensors as the library's pointers: dtypes, checks, rows of a stack.

#pragma once

#include <ATen/core/Tensor.h>

#include <byzccl/dtype.hpp>
#include <string_view>
#include <vector>

namespace byzccl::torch {

/// @throws InvalidArgument for a type that the library does not reduce
DType dtype_of(at::ScalarType type);

/// @throws InvalidArgument unless `tensor` is on `device`
void check_device(const at::Tensor& tensor, std::string_view name, at::Device device);

/// @throws InvalidArgument unless `tensor` is dense, contiguous, on `device` and of a known dtype
void check_flat(const at::Tensor& tensor, std::string_view name, at::Device device);

/// The n vectors of a stack [n, ...].
struct StackRows {
  explicit StackRows(const at::Tensor& stack);

  at::Tensor owner;            ///< the stack, or a copy of it if a row is not contiguous
  std::vector<const void*> x;  ///< [n]
  std::int64_t d = 0;
  DType dtype = DType::kFloat32;
};

/// Lets the library's loops use as many threads as torch's.
void follow_torch_threads();

}  // namespace byzccl::torch
