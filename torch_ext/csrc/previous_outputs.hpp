// SPDX-License-Identifier: MIT
// The last output of a rule for each parameter's gradient, between the steps of a training.

#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "byzccl_reducer.hpp"

namespace byzccl::torch {

/// The Reducer rebuilds its buckets after the first step; what is kept follows the parameters.
/// Threads may share one.
class PreviousOutputs {
 public:
  /// Room for the output of one bucket, laid out as its buffer.
  struct Bucket {
    at::Tensor flat;
    NamedTensors parts = {};  ///< views of it by parameter
    bool known = false;       ///< the room holds a previous output now

    std::optional<at::Tensor> previous() const {
      return known ? std::optional(flat) : std::nullopt;
    }
  };

  explicit PreviousOutputs(const NamedTensors& parameters);

  /// @throws InvalidArgument if a parameter has no name
  Bucket recall(const c10d::GradBucket& bucket) const;
  /// `buffer`, that of the bucket, holds the new output: it replaces the old one.
  void keep(const at::Tensor& buffer, const Bucket& bucket);

  /// Copies.
  NamedTensors state() const;
  /// @throws InvalidArgument if a name or shape is not the model's
  void load(const NamedTensors& state);

 private:
  // Compared alone: the Reducer keeps its parameters for as long as it hands buckets over.
  std::unordered_map<const at::TensorImpl*, std::string> names_;
  std::map<std::string, std::vector<std::int64_t>> shapes_;

  mutable std::mutex mutex_;
  std::map<std::string, at::Tensor> outputs_;
};

}  // namespace byzccl::torch
