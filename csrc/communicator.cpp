// SPDX-License-Identifier: MIT
// The caller's side of a communicator: checks arguments, describes the work, and returns. A mistake
// is raised at once and also sent round, so that the other ranks do not wait for this one.

#include <byzccl/communicator.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "csrc/communicator_worker.hpp"

namespace byzccl {

using collective::Bucket;
using collective::Call;
using collective::Message;
using collective::Operation;

class Pending::State {
 public:
  explicit State(std::shared_future<Report> future) : future_(std::move(future)) {}
  /// Each call throws an error object of its own: who catches it shares nothing with the worker.
  const Report& get() const {
    try {
      return future_.get();
    } catch (const InvalidArgument& error) {
      throw InvalidArgument(error.what());
    } catch (const MismatchError& error) {
      throw MismatchError(error.what());
    } catch (const TransportError& error) {
      throw TransportError(error.what(), error.suspects());
    }
  }
  bool done() const {
    return future_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }

 private:
  std::shared_future<Report> future_;
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

  void add(const Bucket& bucket, std::string mistake) {
    check_open();
    if (mistake.empty()) mistake = find_mistake(bucket);
    if (!mistake.empty()) {
      refuse(Message::kAdd, bucket, mistake);
      throw InvalidArgument(mistake);
    }
    dtype_ = bucket.dtype;
    ++adds_;
    worker_->add({job_, Message::kAdd, bucket, {}});
  }

  Pending finish() {
    check_open();
    open_ = false;
    auto pending = std::make_shared<Pending::State>(job_->promise.get_future().share());
    worker_->close({job_, Message::kFinish, {.dtype = dtype_}, {}});
    return Pending(std::move(pending));
  }

  void refuse(const std::string& mistake) {
    check_open();
    refuse(Message::kFinish, {.dtype = dtype_}, mistake);
  }

 private:
  void check_open() const {
    BYZCCL_CHECK(open_, "the exchange is over: it was finished, or a mistake ended it");
  }

  void refuse(Message message, Bucket bucket, const std::string& mistake) {
    open_ = false;
    if (bucket.dtype > DType::kFloat64) bucket.dtype = dtype_;  // no header can carry it
    worker_->close({job_, message, bucket, mistake});
  }

  std::string find_mistake(const Bucket& bucket) const {
    if (bucket.d < 0) return concat("d must not be negative, got ", bucket.d);
    if (bucket.dtype > DType::kFloat64) return "unknown dtype";
    if (bucket.x == nullptr && bucket.d > 0) return concat("x is null, but d = ", bucket.d);
    if (adds_ > 0 && bucket.dtype != dtype_) {
      return concat("all adds of an exchange have one dtype: ", to_text(dtype_), " before, now ",
                    to_text(bucket.dtype));
    }
    return "";
  }

  const std::shared_ptr<Worker> worker_;
  const std::shared_ptr<Job> job_;
  bool open_ = false;
  std::int64_t adds_ = 0;
  DType dtype_ = DType::kFloat32;
};

Pending::Pending(std::shared_ptr<State> state) : state_(std::move(state)) {}
void Pending::wait() { state_->get(); }
bool Pending::done() const { return state_->done(); }
Report Pending::report() { return state_->get(); }

Exchange::Exchange(std::shared_ptr<State> state) : state_(std::move(state)) {}
void Exchange::add(void* x, std::int64_t d, DType dtype) { state_->add({x, x, d, dtype}, ""); }
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

namespace {

CommunicatorOptions check_options(const CommunicatorOptions& options) {
  using std::chrono::hours;
  BYZCCL_CHECK(options.timeout.count() > 0 && options.timeout <= hours(24 * 366),
               "timeout must be between 1 ms and 366 days, got ", options.timeout.count(), " ms");
  BYZCCL_CHECK(options.chunk_bytes > 0 && options.chunk_bytes <= std::size_t{1} << 30,
               "chunk_bytes must be between 1 and 2^30, got ", options.chunk_bytes);
  BYZCCL_CHECK(options.algorithm <= Algorithm::kRing, "unknown algorithm");
  return options;
}

bool overlap(const void* a, std::uint64_t a_bytes, const void* b, std::uint64_t b_bytes) {
  const auto begin_a = reinterpret_cast<std::uintptr_t>(a);
  const auto begin_b = reinterpret_cast<std::uintptr_t>(b);
  return begin_a < begin_b + b_bytes && begin_b < begin_a + a_bytes;
}

/// What is wrong with a reduce_scatter's arguments besides those of any add.
std::string find_scatter_mistake(const Bucket& bucket, int rank, int n) {
  if (bucket.d % n != 0) return concat("d = ", bucket.d, " is no multiple of n = ", n);
  if (bucket.d <= 0 || bucket.x == nullptr) return "";
  if (bucket.out == nullptr) return concat("out is null, but d = ", bucket.d);
  const std::uint64_t part = static_cast<std::uint64_t>(bucket.d / n) * size_of(bucket.dtype);
  const std::byte* const own = static_cast<const std::byte*>(bucket.x) + part * rank;
  if (bucket.out != own && overlap(bucket.out, part, bucket.x, part * n)) {
    return "out overlaps x, but is not this rank's columns of it";
  }
  return "";
}

}  // namespace

Communicator::Communicator(std::shared_ptr<Transport> transport, CommunicatorOptions options) {
  BYZCCL_CHECK(transport != nullptr, "a communicator needs a transport");
  impl_ = std::make_shared<Impl>(std::move(transport), check_options(options));
}

Communicator::~Communicator() { impl_->worker->stop(); }

int Communicator::rank() const { return impl_->worker->transport().rank(); }
int Communicator::size() const { return impl_->worker->transport().size(); }
Algorithm Communicator::algorithm() const { return impl_->worker->options().algorithm; }

Pending Communicator::all_reduce(void* x, std::int64_t d, DType dtype, const Rule& rule) {
  Exchange exchange = begin(rule);
  exchange.add(x, d, dtype);
  return exchange.finish();
}

Pending Communicator::reduce(void* x, std::int64_t d, DType dtype, const Rule& rule, int root) {
  const auto state = impl_->begin(rule, Operation::kReduce, root);
  const bool known = root >= 0 && root < size();
  state->add({x, x, d, dtype},
             known ? "" : concat("root must be in [0, ", size(), "), got ", root));
  return state->finish();
}

Pending Communicator::reduce_scatter(const void* x, void* out, std::int64_t d, DType dtype,
                                     const Rule& rule) {
  const auto state = impl_->begin(rule, Operation::kReduceScatter, 0);
  const Bucket bucket{x, out, d, dtype};
  state->add(bucket, find_scatter_mistake(bucket, rank(), size()));
  return state->finish();
}

Exchange Communicator::begin(const Rule& rule) {
  return Exchange(impl_->begin(rule, Operation::kAllReduce, 0));
}

std::int64_t Communicator::bytes_received() const { return impl_->worker->traffic().received; }
std::int64_t Communicator::bytes_sent() const { return impl_->worker->traffic().sent; }

void Communicator::abort(std::string_view reason) noexcept { impl_->worker->abort(reason); }

}  // namespace byzccl
