// SPDX-License-Identifier: MIT
#include "previous_outputs.hpp"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros_like.h>

#include <byzccl/error.hpp>
#include <cstddef>
#include <utility>

namespace byzccl::torch {

PreviousOutputs::PreviousOutputs(const NamedTensors& parameters) {
  for (const auto& [name, parameter] : parameters) {
    names_.emplace(parameter.unsafeGetTensorImpl(), name);
    shapes_.emplace(name, parameter.sizes().vec());
  }
}

PreviousOutputs::Bucket PreviousOutputs::recall(const c10d::GradBucket& bucket) const {
  const at::NoGradGuard no_grad;
  const at::Tensor& buffer = bucket.getBuffer();
  const std::vector<at::Tensor> parameters = bucket.getParameters();
  const std::vector<at::Tensor> gradients = bucket.getGradients();
  Bucket room{.flat = at::zeros_like(buffer)};
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto name = names_.find(parameters[i].unsafeGetTensorImpl());
    BYZCCL_CHECK(name != names_.end(), "the hook was not told of a parameter of shape ",
                 parameters[i].sizes(), ", whose previous output the rule needs");
    const at::Tensor& gradient = gradients[i];
    const at::Tensor part = room.flat.as_strided(
        gradient.sizes(), gradient.strides(), gradient.storage_offset() - buffer.storage_offset());
    if (const auto output = outputs_.find(name->second); output != outputs_.end()) {
      part.copy_(output->second);
      room.known = true;
    }
    room.parts.emplace_back(name->second, part);
  }
  return room;
}

void PreviousOutputs::keep(const at::Tensor& buffer, const Bucket& bucket) {
  const at::NoGradGuard no_grad;
  const std::lock_guard lock(mutex_);
  bucket.flat.copy_(buffer);
  for (const auto& [name, part] : bucket.parts) outputs_.insert_or_assign(name, part);
}

NamedTensors PreviousOutputs::state() const {
  const std::lock_guard lock(mutex_);
  NamedTensors state;
  for (const auto& [name, output] : outputs_) state.emplace_back(name, output.clone());
  return state;
}

void PreviousOutputs::load(const NamedTensors& state) {
  std::map<std::string, at::Tensor> outputs;
  for (const auto& [name, output] : state) {
    const auto shape = shapes_.find(name);
    BYZCCL_CHECK(shape != shapes_.end() && output.sizes() == shape->second, "state of a parameter ",
                 name, " ", output.sizes(), ": the model has none");
    outputs.emplace(name, output.clone());
  }
  const std::lock_guard lock(mutex_);
  outputs_ = std::move(outputs);
}

}  // namespace byzccl::torch
