// SPDX-License-Identifier: MIT
// The caller's side of a communicator: checks arguments, describes the work, and returns. A mistake
// is raised at once and also sent round, so that the other ranks do not wait for this one.

#include <algorithm>
#include <byzccl/communicator.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "csrc/communicator_arguments.hpp"
#include "csrc/communicator_worker.hpp"
#include "csrc/rule_table.hpp"

namespace byzccl {

using collective::Bucket;
using collective::Call;
using collective::Message;
using collective::Operation;

namespace {

/// Between two looks whether a device has come to its end.
constexpr std::chrono::microseconds kLongestPause{1000};

}  // namespace

class Pending::State {
 public:
  using Future = std::shared_future<std::shared_ptr<const Result>>;
  State(Future future, CUstream_st* stream) : future_(std::move(future)), stream_(stream) {}

  CUstream_st* stream() const { return stream_; }

  void wait(CUstream_st* stream) const {
    raise([&] {
      const Result& result = *future_.get();
      check(result);
      if (result.flight) result.steps->hold_caller(result.flight->end(), stream);
    });
  }

  Report report() const {
    return raise([&] {
      const Result& result = *future_.get();
      await_end(result);
      Report report = result.report;
      result.findings.read(*result.steps, report);
      check(result);
      return report;
    });
  }

  bool wait_for(std::chrono::milliseconds time) const {
    return future_.wait_for(time) == std::future_status::ready;
  }

  bool done() const {
    if (!wait_for(std::chrono::milliseconds(0))) return false;
    const Flight* const flight = flight_now();
    return flight == nullptr || flight->failed() || flight->is_reached();
  }

  bool in_use() const {
    if (!wait_for(std::chrono::milliseconds(0))) return true;
    const Flight* const flight = flight_now();
    return flight != nullptr && flight->in_use();
  }

 private:
  static void check(const Result& result) {
    const std::exception_ptr error = result.flight ? result.flight->error() : nullptr;
    if (error) std::rethrow_exception(error);
  }

  /// Of the result, which is there; null: nothing is under way, nor will be.
  const Flight* flight_now() const {
    try {
      return future_.get()->flight.get();
    } catch (const std::exception&) {  // wait() throws it
      return nullptr;
    }
  }

  /// Waits for the device, but no longer than the worker does. @throws as check()
  static void await_end(const Result& result) {
    std::chrono::microseconds pause{20};
    while (result.flight && !result.flight->is_reached()) {
      check(result);
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, kLongestPause);
    }
    check(result);
  }

  /// Each call throws an error object of its own: who catches it shares nothing with the worker.
  template <class Call>
  static std::invoke_result_t<Call> raise(const Call& call) {
    try {
      return call();
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(error.what());
    } catch (const MismatchError& error) {
      throw MismatchError(error.what());
    } catch (const TransportError& error) {
      throw TransportError(error.what(), error.suspects());
    }
  }

  const Future future_;
  CUstream_st* const stream_;
};

class Exchange::State {
 public:
  State(std::shared_ptr<Worker> worker, Call call)
      : worker_(std::move(worker)), job_(std::make_shared<Job>(std::move(call))) {
    worker_->open();
    open_ = true;
  }

  /// Dropped before finish(): the others learn of it rather than wait.
  ~State() {
    if (!open_) return;
    try {
      refuse(Message::kFinish, {}, "the exchange was dropped before finish()");
    } catch (const std::exception&) {  // out of memory: they will wait, and time out
    }
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void add(Bucket bucket, std::string mistake) { add(bucket, std::move(mistake), false); }

  /// An add and the finish in one message.
  Pending add_and_finish(const Bucket& bucket, std::string mistake) {
    Pending result = pending();
    add(bucket, std::move(mistake), true);
    return result;
  }

  Pending finish() {
    check_open();
    open_ = false;
    Pending result = pending();
    worker_->close({job_, Message::kFinish, {.dtype = dtype_}, {}});
    return result;
  }

  void refuse(const std::string& mistake) {
    check_open();
    refuse(Message::kFinish, {.dtype = dtype_}, mistake);
  }

 private:
  void add(Bucket bucket, std::string mistake, bool finishes) {
    check_open();
    if (!row_of(job_->call.rule.kind).needs_previous) bucket.previous = nullptr;
    if (mistake.empty()) mistake = find_mistake(bucket);
    if (mistake.empty() && worker_->steps().enqueues()) mistake = find_misaligned(bucket);
    if (!mistake.empty()) {
      refuse(Message::kAdd, bucket, mistake);
      throw InvalidArgument(mistake);
    }
    dtype_ = bucket.dtype;
    Task task{job_, Message::kAdd, bucket,
              {},   finishes,      worker_->steps().mark_caller(worker_->stream())};
    if (!finishes) return worker_->add(std::move(task));
    open_ = false;
    worker_->close(std::move(task));
  }

  Pending pending() {
    return Pending(
        std::make_shared<Pending::State>(job_->promise.get_future().share(), worker_->stream()));
  }

  void check_open() const {
    BYZCCL_CHECK(open_, "the exchange is over: it was finished, or a mistake ended it");
  }

  void refuse(Message message, Bucket bucket, const std::string& mistake) {
    open_ = false;
    if (bucket.dtype > DType::kFloat64) bucket.dtype = dtype_;  // no header can carry it
    worker_->close({job_, message, bucket, mistake});
  }

  const std::shared_ptr<Worker> worker_;
  const std::shared_ptr<Job> job_;
  bool open_ = false;
  DType dtype_ = DType::kFloat32;  // of the newest add
};

Pending::Pending(std::shared_ptr<State> state) : state_(std::move(state)) {}
void Pending::wait() { state_->wait(state_->stream()); }
void Pending::wait(CUstream_st* stream) { state_->wait(stream); }
bool Pending::wait_for(std::chrono::milliseconds time) const { return state_->wait_for(time); }
bool Pending::done() const { return state_->done(); }
bool Pending::in_use() const { return state_->in_use(); }
Report Pending::report() { return state_->report(); }

Exchange::Exchange(std::shared_ptr<State> state) : state_(std::move(state)) {}
void Exchange::add(void* x, std::int64_t d, DType dtype, const void* previous) {
  state_->add({x, x, d, dtype, previous}, "");
}
Pending Exchange::finish() { return state_->finish(); }
void Exchange::refuse(std::string_view mistake) { state_->refuse(std::string(mistake)); }

class Communicator::Impl {
 public:
  Impl(std::shared_ptr<Transport> transport, const CommunicatorOptions& options)
      : worker(std::make_shared<Worker>(std::move(transport), options)) {}

  std::shared_ptr<Exchange::State> begin(const Rule& rule, Operation operation, int root) const {
    return std::make_shared<Exchange::State>(worker, Call{rule, to_text(rule), operation, root});
  }

  const std::shared_ptr<Worker> worker;
};

Communicator::Communicator(std::shared_ptr<Transport> transport, CommunicatorOptions options) {
  BYZCCL_CHECK(transport != nullptr, "a communicator needs a transport");
  impl_ = std::make_shared<Impl>(std::move(transport), check_options(options));
}

Communicator::~Communicator() { impl_->worker->stop(); }

int Communicator::rank() const { return impl_->worker->transport().rank(); }
int Communicator::size() const { return impl_->worker->transport().size(); }
Algorithm Communicator::algorithm() const { return impl_->worker->options().algorithm; }

Pending Communicator::all_reduce(void* x, std::int64_t d, DType dtype, const Rule& rule,
                                 const void* previous) {
  const auto state = impl_->begin(rule, Operation::kAllReduce, 0);
  return state->add_and_finish({x, x, d, dtype, previous}, "");
}

Pending Communicator::reduce(void* x, std::int64_t d, DType dtype, const Rule& rule, int root) {
  const auto state = impl_->begin(rule, Operation::kReduce, root);
  const bool known = root >= 0 && root < size();
  return state->add_and_finish(
      {x, x, d, dtype}, known ? "" : concat("root must be in [0, ", size(), "), got ", root));
}

Pending Communicator::reduce_scatter(const void* x, void* out, std::int64_t d, DType dtype,
                                     const Rule& rule) {
  const auto state = impl_->begin(rule, Operation::kReduceScatter, 0);
  const Bucket bucket{x, out, d, dtype};
  return state->add_and_finish(bucket, find_scatter_mistake(bucket, rank(), size()));
}

Exchange Communicator::begin(const Rule& rule) {
  return Exchange(impl_->begin(rule, Operation::kAllReduce, 0));
}

void Communicator::use_stream(CUstream_st* stream) { impl_->worker->use_stream(stream); }

std::int64_t Communicator::bytes_received() const { return impl_->worker->traffic().received; }
std::int64_t Communicator::bytes_sent() const { return impl_->worker->traffic().sent; }

void Communicator::abort(std::string_view reason) noexcept { impl_->worker->abort(reason); }

}  // namespace byzccl
