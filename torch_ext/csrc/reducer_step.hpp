// SPDX-License-Identifier: MIT
// One step of a Reducer, and the stream of the thread that completes it.

#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "byzccl_reducer.hpp"
#include "previous_outputs.hpp"

namespace byzccl::torch {

struct ReducerStep {
  struct Bucket {
    c10::intrusive_ptr<c10::ivalue::Future> done;
    at::Tensor buffer;
    std::optional<PreviousOutputs::Bucket> room;  ///< where the rule needs its previous output
  };

  std::vector<Bucket> buckets;
  std::int64_t parameters = 0;  ///< handed over so far
  bool keeps_output = false;    ///< the rule needs its previous output
  std::optional<Exchange> exchange;
  std::optional<Pending> pending;

  std::exception_ptr failure;   ///< of the reduction: all buckets end with it
  std::exception_ptr tampered;  ///< what the tamper threw: the reduction goes on
};

/// The calling thread, which completes steps, is on a stream of its own for as long as the result
/// lives: a future of a CUDA device takes along the order of that thread's stream, and the default
/// stream would hold back what the program still has to do on it. Null for the CPU.
std::shared_ptr<void> own_stream(at::Device device);

}  // namespace byzccl::torch
