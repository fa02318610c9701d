// SPDX-License-Identifier: MIT
// The hook of a Reducer. It runs in the program's backward pass: nothing here waits, runs Python
// (but a tamper) or throws.

#include <unistd.h>

#include <atomic>
#include <byzccl/error.hpp>
#include <mutex>
#include <utility>

#include "byzccl_reducer.hpp"
#include "in_order.hpp"
#include "previous_outputs.hpp"
#include "reducer_errors.hpp"
#include "reducer_step.hpp"
#include "tally.hpp"

namespace byzccl::torch {
namespace {

using c10::ivalue::Future;

std::int64_t count_managed(const c10d::Reducer& reducer) {
  std::int64_t count = 0;
  for (const c10d::GradBucket& bucket : reducer.get_grad_buckets()) {
    count += static_cast<std::int64_t>(bucket.getParameters().size());
  }
  return count;
}

}  // namespace

class ReducerHook::Impl {
 public:
  Impl(const c10d::Reducer& reducer, std::weak_ptr<Communicator> communicator,
       ReducerHookOptions options)
      : maker_(getpid()),
        managed_(count_managed(reducer)),
        communicator_(std::move(communicator)),
        may_skip_(options.buckets_may_be_skipped),
        tamper_(std::move(options.tamper)),
        outputs_(options.parameters),
        rule_(std::move(options.rule)),
        device_(open()->device()),
        reads_late_(device_.is_cuda()),
        tally_(open()->size()),
        thread_([this](ReducerStep step) { complete(std::move(step)); },
                [this] { return own_stream(device_); }) {}

  c10::intrusive_ptr<Future> run(c10d::GradBucket& bucket) {
    auto done = c10::make_intrusive<Future>(c10::TensorType::get(), device_.is_cpu()
                                                                        ? std::vector<at::Device>{}
                                                                        : std::vector{device_});
    if (getpid() != maker_) {
      done->setError(std::make_exception_ptr(std::runtime_error(concat(
          "the hook was made in process ", maker_, " and used in ", getpid(),
          ", which was forked from it: there, make a process group and a model of its own"))));
      return done;
    }
    if (step_.buckets.empty()) begin();
    step_.buckets.push_back({done, bucket.getBuffer(), {}});
    add(bucket, step_.buckets.back());
    step_.parameters += static_cast<std::int64_t>(bucket.getParameters().size());
    if (step_.parameters == managed_) finish();
    return done;
  }

  void use_rule(Rule rule) {
    const std::lock_guard lock(mutex_);
    rule_ = std::move(rule);
  }

  std::int64_t begun() const { return begun_; }

  std::exception_ptr error() const {
    const std::lock_guard lock(mutex_);
    return error_;
  }

  /// What `ask` says of the tally. A step whose report cannot be read has failed late.
  template <class Ask>
  auto read(const Ask& ask) {
    while (true) {
      try {
        return ask(tally_);
      } catch (const std::exception&) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
  }

  PreviousOutputs& outputs() { return outputs_; }
  Tally& tally() { return tally_; }
  void read_reports_late(bool late) { reads_late_ = late; }

 private:
  std::shared_ptr<Communicator> open() const {
    auto communicator = communicator_.lock();
    if (!communicator) throw Error("the communicator is closed");
    return communicator;
  }

  void begin() {
    ++begun_;
    Rule rule;
    {
      const std::lock_guard lock(mutex_);
      error_ = nullptr;
      rule = rule_;
    }
    step_.keeps_output = row_of(rule.kind).needs_previous;
    try {
      step_.exchange = open()->begin(rule);
    } catch (const std::exception&) {
      step_.failure = std::current_exception();
    }
    if (!may_skip_) return;
    // The Reducer passes wholly unused buckets by: the backward pass may end before all are seen.
    try {
      at_end_of_backward([this] { finish(); });
    } catch (const std::exception&) {  // not in a backward pass: none is passed by then
    }
  }

  void add(const c10d::GradBucket& bucket, ReducerStep::Bucket& entry) {
    if (tamper_) {
      try {
        tamper_(entry.buffer);
      } catch (...) {
        if (!step_.tampered) step_.tampered = std::current_exception();
      }
    }
    // Also after a failure: the other ranks count on this bucket.
    if (!step_.exchange) return;
    try {
      if (step_.keeps_output) entry.room = outputs_.recall(bucket);
      step_.exchange->add(entry.buffer, entry.room ? entry.room->previous() : std::nullopt);
    } catch (const std::exception&) {
      if (!step_.failure) step_.failure = std::current_exception();
    }
  }

  /// A no-op when nothing is pending.
  void finish() {
    if (step_.buckets.empty()) return;
    ReducerStep step = std::exchange(step_, {});
    try {
      if (step.exchange) step.pending = step.exchange->finish();
    } catch (const std::exception&) {
      if (!step.failure) step.failure = std::current_exception();
    }
    if (step.tampered && !throw_after_backward(step.tampered)) step.failure = step.tampered;
    thread_.push(std::move(step));
  }

  /// On the thread: all that the program may ask for is there before the first bucket is done.
  void complete(ReducerStep step) {
    try {
      if (step.pending) settle(step);
    } catch (const std::exception&) {
      if (!step.failure) step.failure = std::current_exception();
    }
    // What came first.
    if (step.failure && step.tampered) step.failure = step.tampered;
    {
      const std::lock_guard lock(mutex_);
      error_ = step.tampered ? step.tampered : step.failure;
    }
    for (ReducerStep::Bucket& bucket : step.buckets) {
      if (step.failure) {
        bucket.done->setError(for_torch(step.failure));
      } else {
        bucket.done->markCompleted(bucket.buffer);
      }
    }
  }

  /// Waits for the reduction. Nothing waits for a device, unless what the rule keeps depends on
  /// what it found.
  void settle(ReducerStep& step) {
    step.pending->wait();
    if (reads_late_ && !step.keeps_output) return tally_.add_unread(std::move(*step.pending));
    Report report = step.pending->report();
    // As all ranks do, even if this one's tamper threw.
    if (!report.failed) {
      for (const ReducerStep::Bucket& bucket : step.buckets) {
        if (bucket.room) outputs_.keep(bucket.buffer, *bucket.room);
      }
    }
    tally_.add(std::move(report));
  }

  const pid_t maker_;
  const std::int64_t managed_;
  const std::weak_ptr<Communicator> communicator_;
  const bool may_skip_;
  const std::function<void(const at::Tensor&)> tamper_;
  PreviousOutputs outputs_;
  Rule rule_;
  const at::Device device_;
  std::atomic<bool> reads_late_;
  std::atomic<std::int64_t> begun_ = 0;
  Tally tally_;

  mutable std::mutex mutex_;  // guards the rule and the error
  std::exception_ptr error_;
  ReducerStep step_;             // the backward pass's alone
  InOrder<ReducerStep> thread_;  // last: it ends before what it uses does
};

namespace {

/// What the Reducer owns; the hook is shared with those who ask it for reports.
class Attached : public c10d::CppCommHookInterface<std::shared_ptr<ReducerHook>> {
 public:
  using CppCommHookInterface::CppCommHookInterface;
  c10::intrusive_ptr<Future> runHook(c10d::GradBucket& bucket) override {
    return state_->run(bucket);
  }
};

}  // namespace

ReducerHook::ReducerHook(const c10d::Reducer& reducer, std::weak_ptr<Communicator> communicator,
                         ReducerHookOptions options)
    : impl_(std::make_unique<Impl>(reducer, std::move(communicator), std::move(options))) {}

ReducerHook::~ReducerHook() = default;

c10::intrusive_ptr<Future> ReducerHook::run(c10d::GradBucket& bucket) { return impl_->run(bucket); }
void ReducerHook::use_rule(Rule rule) { impl_->use_rule(std::move(rule)); }
std::int64_t ReducerHook::begun() const { return impl_->begun(); }
std::exception_ptr ReducerHook::error() const { return impl_->error(); }

std::optional<Report> ReducerHook::report() {
  return impl_->read([](Tally& tally) { return tally.last(); });
}

StepCounts ReducerHook::counts() {
  return impl_->read([](Tally& tally) { return tally.counts(); });
}

NamedTensors ReducerHook::previous_outputs() const { return impl_->outputs().state(); }

void ReducerHook::load(StepCounts counts, const NamedTensors& previous_outputs) {
  impl_->outputs().load(previous_outputs);
  impl_->tally().load(std::move(counts));
}

void ReducerHook::read_reports_late(bool late) { impl_->read_reports_late(late); }
std::size_t ReducerHook::unread() const { return impl_->tally().unread(); }

void attach(std::shared_ptr<ReducerHook> hook, c10d::Reducer& reducer) {
  reducer.register_comm_hook(std::make_unique<Attached>(std::move(hook)));
}

}  // namespace byzccl::torch
