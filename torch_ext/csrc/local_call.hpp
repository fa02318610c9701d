// SPDX-License-Identifier: MIT
// The arguments of a rule over vectors that one process holds, as the library takes them.

#pragma once

#include <ATen/core/Tensor.h>

#include <byzccl/aggregate.hpp>
#include <cstdint>
#include <optional>

#include "rows.hpp"

namespace byzccl::torch {

/// What may come with a stack. Rules that do not need it ignore it.
struct CallerArguments {
  std::int64_t own = -1;  ///< a vector of the stack; -1: none
  std::int64_t step = 0;
  std::optional<at::Tensor> previous;  ///< the shape of one vector and the stack's dtype
};

/// The stack and what comes with it lie on one device. @throws InvalidArgument
void check_devices(const at::Tensor& stack, const CallerArguments& arguments);

/// Checks what devices, dtypes and shapes alone tell. @throws InvalidArgument
void check_call(const at::Tensor& stack, const Rule& rule, const CallerArguments& arguments);

/// A stack with its arguments, checked. It keeps the tensors.
struct LocalCall {
  /// @throws InvalidArgument
  LocalCall(const at::Tensor& stack, const Rule& rule, const CallerArguments& arguments);

  StackRows rows;
  at::Tensor previous;  ///< what caller.previous points into
  Caller caller;
};

}  // namespace byzccl::torch
