// SPDX-License-Identifier: MIT
// One step of a Reducer, and the thread that completes it.

#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
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

/// Gives steps to `complete`, one after the other, on a thread of its own that is on `device`.
class StepThread {
 public:
  StepThread(at::Device device, std::function<void(ReducerStep)> complete);
  /// Once all steps so far are complete.
  ~StepThread();
  StepThread(const StepThread&) = delete;
  StepThread& operator=(const StepThread&) = delete;

  void push(ReducerStep step);

 private:
  void loop(at::Device device);

  const std::function<void(ReducerStep)> complete_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ReducerStep> steps_;
  bool stopping_ = false;
  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace byzccl::torch
