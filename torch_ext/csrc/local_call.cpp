// SPDX-License-Identifier: MIT
#include "local_call.hpp"

#include <byzccl/error.hpp>
#include <byzccl/rule.hpp>

namespace byzccl::torch {

void check_devices(const at::Tensor& stack, const CallerArguments& arguments) {
  const auto& previous = arguments.previous;
  BYZCCL_CHECK(!previous || previous->device() == stack.device(),
               "previous must be on the stack's device, ", stack.device().str(), ", is on ",
               previous->device().str());
}

void check_call(const at::Tensor& stack, const Rule& rule, const CallerArguments& arguments) {
  const auto& [own, step, previous] = arguments;
  check_devices(stack, arguments);
  BYZCCL_CHECK(stack.dim() >= 1, "stack must be [n, ...], got a tensor without dimensions");
  BYZCCL_CHECK(step >= 0, "step must not be negative, got ", step);
  const DType dtype = dtype_of(stack.scalar_type());
  if (const auto n = stack.sym_size(0).maybe_as_int()) {
    BYZCCL_CHECK(*n >= 1 && *n <= kMaxVectors, "n must be in [1, ", kMaxVectors, "], got n = ", *n);
    plan(rule, static_cast<int>(*n), dtype);
    BYZCCL_CHECK(own >= -1 && own < *n, "own must be in [-1, n), got own = ", own, ", n = ", *n);
  }
  if (!previous) return;
  BYZCCL_CHECK(previous->scalar_type() == stack.scalar_type(),
               "previous must have the stack's dtype");
  BYZCCL_CHECK(previous->dim() + 1 == stack.dim() &&
                   previous->sym_sizes().equals(stack.sym_sizes().slice(1)),
               "previous must have the shape of one vector of the stack");
}

LocalCall::LocalCall(const at::Tensor& stack, const Rule& rule, const CallerArguments& arguments)
    : rows((check_call(stack, rule, arguments), stack)) {
  caller.own = static_cast<int>(arguments.own);
  caller.step = arguments.step;
  if (!arguments.previous || !row_of(rule.kind).needs_previous) return;
  previous = arguments.previous->contiguous().resolve_neg();
  caller.previous = previous.const_data_ptr();
}

}  // namespace byzccl::torch
