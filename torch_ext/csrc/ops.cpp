// SPDX-License-Identifier: MIT
// torch.ops.byzccl: functional operators, with Meta kernels; aggregate on CUDA devices, too. There
// is no gradient: backward raises. The kernel of all_reduce is registered by the Python package.

#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/autograd_not_implemented_fallback.h>
#include <torch/library.h>

#include <byzccl/aggregate.hpp>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "local_call.hpp"
#include "on_cuda.hpp"
#include "rows.hpp"

namespace byzccl::torch {
namespace {

/// Calls f; the library's InvalidArgument becomes a ValueError in Python.
template <class F>
auto as_value_error(F&& f) {
  try {
    return f();
  } catch (const InvalidArgument& error) {
    TORCH_CHECK_VALUE(false, error.what());
  }
}

/// A result for one vector of `stack` [n, ...].
at::Tensor empty_vector(const at::Tensor& stack) {
  return at::empty_symint(stack.sym_sizes().slice(1), stack.options());
}

at::Tensor aggregate_cpu(const at::Tensor& stack, std::string_view rule_text, std::int64_t own,
                         std::int64_t step, const std::optional<at::Tensor>& previous) {
  return as_value_error([&] {
    const Rule rule = Rule::parse(rule_text);
    check_device(stack, "stack", at::kCPU);
    const LocalCall call(stack, rule, {own, step, previous});
    at::Tensor out = empty_vector(stack);
    follow_torch_threads();
    aggregate(call.rows.x, call.rows.d, call.rows.dtype, rule, out.mutable_data_ptr(), call.caller);
    return out;
  });
}

at::Tensor aggregate_cuda(const at::Tensor& stack, std::string_view rule_text, std::int64_t own,
                          std::int64_t step, const std::optional<at::Tensor>& previous) {
  return as_value_error(
      [&] { return aggregate_on_cuda(stack, Rule::parse(rule_text), {own, step, previous}); });
}

at::Tensor aggregate_meta(const at::Tensor& stack, std::string_view rule_text, std::int64_t own,
                          std::int64_t step, const std::optional<at::Tensor>& previous) {
  return as_value_error([&] {
    check_call(stack, Rule::parse(rule_text), {own, step, previous});
    return empty_vector(stack);
  });
}

/// Rows [m, ...] of a stack [n, ...].
at::Tensor empty_rows(const at::Tensor& stack, const c10::SymInt& m) {
  c10::SymDimVector sizes(stack.sym_sizes().begin(), stack.sym_sizes().end());
  sizes[0] = m;
  return at::empty_symint(sizes, stack.options());
}

at::Tensor pre_aggregate_cpu(const at::Tensor& stack, std::string_view text, std::int64_t step) {
  return as_value_error([&] {
    const auto steps = PreAggregation::parse(text);
    check_device(stack, "stack", at::kCPU);
    const StackRows rows(stack);
    const int m = plan(steps, static_cast<int>(rows.x.size()), rows.dtype).n;
    at::Tensor made = empty_rows(stack, m);
    std::vector<void*> out;
    for (int i = 0; i < m; ++i) out.push_back(made.select(0, i).mutable_data_ptr());
    follow_torch_threads();
    pre_aggregate(rows.x, rows.d, rows.dtype, steps, out, {.step = step});
    return made;
  });
}

at::Tensor pre_aggregate_cuda(const at::Tensor& stack, std::string_view /*text*/,
                              std::int64_t /*step*/) {
  TORCH_CHECK_VALUE(false, "pre_aggregate works on the CPU, and the stack is on ",
                    stack.device().str(),
                    ": move it with .cpu(), or give aggregate() the steps before their rule");
}

at::Tensor pre_aggregate_meta(const at::Tensor& stack, std::string_view text, std::int64_t step) {
  return as_value_error([&] {
    const auto steps = PreAggregation::parse(text);
    BYZCCL_CHECK(stack.dim() >= 1, "stack must be [n, ...], got a tensor without dimensions");
    BYZCCL_CHECK(step >= 0, "step must not be negative, got ", step);
    const DType dtype = dtype_of(stack.scalar_type());
    c10::SymInt m = stack.sym_size(0);
    if (const auto n = m.maybe_as_int()) {
      BYZCCL_CHECK(*n >= 1 && *n <= kMaxVectors, "n must be in [1, ", kMaxVectors,
                   "], got n = ", *n);
      m = plan(steps, static_cast<int>(*n), dtype).n;
    } else if (steps.bucketing) {
      m = (m + *steps.bucketing->s - 1) / *steps.bucketing->s;
    }
    return empty_rows(stack, m);
  });
}

/// The group is known to the kernel alone, which the Python package brings.
at::Tensor all_reduce_meta(const at::Tensor& tensor, std::string_view rule_text,
                           std::string_view /*group*/,
                           const std::optional<at::Tensor>& /*previous*/,
                           std::optional<double> /*timeout*/) {
  return as_value_error([&] {
    Rule::parse(rule_text);
    dtype_of(tensor.scalar_type());
    return at::empty_symint(tensor.sym_sizes(), tensor.options());
  });
}

int to_int(std::int64_t value, std::string_view name) {
  BYZCCL_CHECK(value >= 0 && value <= kMaxVectors, name, " must be in [0, ", kMaxVectors, "], got ",
               value);
  return static_cast<int>(value);
}

at::Tensor craft_cpu(const at::Tensor& honest, std::string_view attack, std::int64_t n,
                     std::int64_t f, std::int64_t rank, std::int64_t step,
                     std::optional<std::string_view> rule, std::int64_t receiver,
                     const std::optional<c10::ArrayRef<double>>& weights) {
  return as_value_error([&] {
    AttackContext context{.n = to_int(n, "n"),
                          .f = to_int(f, "f"),
                          .step = step,
                          .rank = to_int(rank, "rank"),
                          .receiver = to_int(receiver, "receiver")};
    if (rule) context.rule = Rule::parse(*rule);
    if (weights) context.weights = *weights;
    check_device(honest, "honest", at::kCPU);
    const StackRows rows(honest);
    at::Tensor out = empty_vector(honest);
    follow_torch_threads();
    craft(Attack::parse(attack), rows.x, rows.d, rows.dtype, context, out.mutable_data_ptr());
    return out;
  });
}

at::Tensor craft_meta(const at::Tensor& honest, std::string_view attack, std::int64_t /*n*/,
                      std::int64_t /*f*/, std::int64_t /*rank*/, std::int64_t /*step*/,
                      std::optional<std::string_view> rule, std::int64_t /*receiver*/,
                      const std::optional<c10::ArrayRef<double>>& /*weights*/) {
  return as_value_error([&] {
    BYZCCL_CHECK(honest.dim() >= 1, "honest must be [h, ...]");
    Attack::parse(attack);
    if (rule) Rule::parse(*rule);
    return empty_vector(honest);
  });
}

}  // namespace
}  // namespace byzccl::torch

// Outside the namespace: the macros name ::torch without the colons.
namespace ops = byzccl::torch;

TORCH_LIBRARY(byzccl, m) {
  m.def(
      "aggregate(Tensor stack, str rule, int own=-1, int step=0, Tensor? previous=None) -> Tensor",
      {at::Tag::pt2_compliant_tag});
  m.def(
      "all_reduce(Tensor tensor, str rule, str group, Tensor? previous=None, "
      "float? timeout=None) -> Tensor",
      {at::Tag::pt2_compliant_tag});
  m.def("pre_aggregate(Tensor stack, str steps, int step=0) -> Tensor",
        {at::Tag::pt2_compliant_tag});
  m.def(
      "craft(Tensor honest, str attack, int n, int f, int rank, int step, str? rule=None, "
      "int receiver=0, float[]? weights=None) -> Tensor",
      {at::Tag::pt2_compliant_tag});
}

TORCH_LIBRARY_IMPL(byzccl, CPU, m) {
  m.impl("aggregate", &ops::aggregate_cpu);
  m.impl("pre_aggregate", &ops::pre_aggregate_cpu);
  m.impl("craft", &ops::craft_cpu);
}

TORCH_LIBRARY_IMPL(byzccl, CUDA, m) {
  m.impl("aggregate", &ops::aggregate_cuda);
  m.impl("pre_aggregate", &ops::pre_aggregate_cuda);
}

TORCH_LIBRARY_IMPL(byzccl, Meta, m) {
  m.impl("aggregate", &ops::aggregate_meta);
  m.impl("all_reduce", &ops::all_reduce_meta);
  m.impl("pre_aggregate", &ops::pre_aggregate_meta);
  m.impl("craft", &ops::craft_meta);
}

TORCH_LIBRARY_IMPL(byzccl, Autograd, m) {
  m.impl("aggregate", torch::autograd::autogradNotImplementedFallback());
  m.impl("all_reduce", torch::autograd::autogradNotImplementedFallback());
  m.impl("pre_aggregate", torch::autograd::autogradNotImplementedFallback());
  m.impl("craft", torch::autograd::autogradNotImplementedFallback());
}
