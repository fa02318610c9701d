// SPDX-License-Identifier: MIT
// byzccl under c10d::Reducer, which DistributedDataParallel and training loops in C++ share. No
// Python.

#pragma once

#include <byzccl_torch.hpp>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <utility>
#include <vector>

namespace byzccl::torch {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

struct ReducerHookOptions {
  Rule rule;
  /// All that the Reducer may hand over. Needed by rules that need their previous output, which is
  /// kept by parameter.
  NamedTensors parameters = {};
  /// The Reducer's skip_all_reduce_unused_params.
  bool buckets_may_be_skipped = false;
  /// Called with each bucket's buffer before it leaves, and may change it: an adversary for
  /// experiments. What it throws leaves the backward pass once that is complete.
  std::function<void(const at::Tensor&)> tamper = nullptr;
};

/// What a hook counts over its steps.
struct StepCounts {
  std::int64_t steps = 0;              ///< that gave a report
  std::vector<std::int64_t> excluded;  ///< [n] of them, those that gave a rank no weight but others
  std::vector<std::int64_t> broken;    ///< [n] of them, those in which a rank's row was broken
};

/// The communication hook of one Reducer: one selection a step, over the whole gradient.
///
/// Each bucket's exchange starts as soon as the Reducer hands the bucket over, and nothing waits in
/// the hook. When every parameter that the Reducer manages was handed over, a thread of the hook's
/// own waits for the reduction and completes the buckets' futures, on which the Reducer waits. Each
/// bucket's buffer then holds the aggregate.
///
/// A reduction that fails is a std::runtime_error out of the backward pass, named after the
/// library's error, which error() gives.
class ReducerHook {
 public:
  /// Does not keep the communicator: once that is gone, each step fails.
  ReducerHook(const c10d::Reducer& reducer, std::weak_ptr<Communicator> communicator,
              ReducerHookOptions options);
  /// Joins the thread.
  ~ReducerHook();
  ReducerHook(const ReducerHook&) = delete;
  ReducerHook& operator=(const ReducerHook&) = delete;

  /// What the Reducer calls, by attach(). Of one reduction after the other.
  c10::intrusive_ptr<c10::ivalue::Future> run(c10d::GradBucket& bucket);

  /// Of the steps that begin from now on.
  void use_rule(Rule rule);

  /// Reductions that have begun so far.
  std::int64_t begun() const;
  /// What the last step threw; null if it went well.
  std::exception_ptr error() const;
  /// Of the last step that gave one. On a CUDA device this waits for it.
  std::optional<Report> report();
  /// On a CUDA device this waits for the steps so far.
  StepCounts counts();
  /// The last output for each parameter's gradient; empty if the rule needs none.
  NamedTensors previous_outputs() const;
  /// Goes on from there. @throws InvalidArgument if a name or shape is not the model's
  void load(StepCounts counts, const NamedTensors& previous_outputs);

  /// Leaves reports unread until they are asked for or many have gathered, as on a CUDA device,
  /// where reading one waits.
  void read_reports_late(bool late);
  /// Reports that lie unread.
  std::size_t unread() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

/// Makes `hook` that of the Reducer which its constructor was given. Before the first backward
/// pass.
void attach(std::shared_ptr<ReducerHook> hook, c10d::Reducer& reducer);

/// The group of `size` ranks that a Reducer on the CPU needs beside the hook: over it goes in which
/// order its buckets are, and which parameters were used, without any rule. It has a Gloo backend
/// of its own, which a program cannot make itself: torch comes without Gloo's headers. The store is
/// as in make_communicator(), and not the same one.
///
/// @throws TransportError
c10::intrusive_ptr<c10d::ProcessGroup> make_process_group(
    const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
    std::chrono::milliseconds timeout);

}  // namespace byzccl::torch
