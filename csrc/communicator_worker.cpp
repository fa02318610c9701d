// SPDX-License-Identifier: MIT
#include "csrc/communicator_worker.hpp"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "csrc/collective/agreement.hpp"

namespace byzccl {

using collective::Message;
using collective::Stage;

namespace {

/// Between two looks at what a device still does.
constexpr std::chrono::milliseconds kWatchPause{5};
/// What is still under way may take this long once the communicator is to end.
constexpr std::chrono::seconds kPatience{10};

/// Of an exchange whose memory a device would not let go of.
void keep_for_good(std::unique_ptr<collective::Exchange> exchange) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::unique_ptr<collective::Exchange>>;
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(exchange));
}

std::shared_ptr<Steps> steps_for(Transport& transport) {
  std::shared_ptr<Steps> steps = transport.make_steps();
  return steps ? std::move(steps) : make_cpu_steps();
}

}  // namespace

std::unique_ptr<Steps> Transport::make_steps() { return nullptr; }

Worker::Worker(std::shared_ptr<Transport> transport, const CommunicatorOptions& options)
    : transport_(std::move(transport)),
      options_(options),
      steps_(steps_for(*transport_)),
      mail_(*transport_, options_, traffic_),
      headers_(static_cast<std::size_t>(transport_->size())),
      echoes_(mail_),
      flights_(options.timeout),
      failure_(transport_, mail_, flights_),
      lookout_(options.timeout),
      sentry_(*transport_, mail_.waits(), options_) {
  transport_->interrupt_by([this] { lookout_.look(*transport_); });
  thread_ = std::thread([this] { loop(); });
}

Worker::~Worker() { stop(); }

void Worker::open() {
  const std::lock_guard lock(mutex_);
  BYZCCL_CHECK(!open_, "an exchange is open: finish() it before the next one begins");
  open_ = true;
}

void Worker::add(Task task) { enqueue(std::move(task), false); }

void Worker::close(Task task) { enqueue(std::move(task), true); }

void Worker::enqueue(Task task, bool last) {
  const std::lock_guard lock(mutex_);
  if (last) open_ = false;
  if (!finished_) {
    tasks_.push_back(std::move(task));
    changed_.notify_all();
    return;
  }
  fail(*task.job, std::make_exception_ptr(TransportError("the communicator was destroyed")));
  if (last) settle(*task.job);
}

void Worker::stop() noexcept {
  bool pending = false;
  {
    const std::lock_guard lock(mutex_);
    pending = open_ || busy_ || !tasks_.empty();
    stopping_ = true;
    changed_.notify_all();
  }
  if (pending) failure_.give_up("its communicator was destroyed while an exchange was under way");
  sentry_.stop();
  if (!thread_.joinable()) return;
  thread_.join();
  transport_->interrupt_by(nullptr);
  failure_.see_off();
}

void Worker::loop() {
  steps_->use_device();
  std::unique_lock lock(mutex_);
  std::optional<Deadline> end;
  while (true) {
    if (stopping_ && !end) end = Clock::now() + kPatience;
    if (flights_.empty()) {
      changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
      if (tasks_.empty()) break;
    } else {
      changed_.wait_for(lock, kWatchPause, [&] { return !tasks_.empty(); });
      lock.unlock();
      watch();
      if (end && Clock::now() >= *end && !flights_.empty()) {
        failure_.strike_self(
            "its communicator was destroyed",
            std::make_exception_ptr(TransportError("the communicator was destroyed")));
      }
      lock.lock();
      if (tasks_.empty()) continue;
    }
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    run(task);
    lock.lock();
    busy_ = false;
    lock.unlock();
    // Not before: who sees the promise kept may destroy the communicator, and nothing is pending.
    if (task.last()) settle(*task.job);
    task = {};
    lock.lock();
  }
  finished_ = true;
}

void Worker::run(const Task& task) noexcept {
  Job& job = *task.job;
  if (job.error) return;
  try {
    carry_out(task);
  } catch (const std::exception&) {
    failure_.strike(std::current_exception(), context(job));
    abandon(job);
  }
}

void Worker::settle(Job& job) noexcept {
  job.exchange.reset();
  if (job.error && !job.result.flight) {
    job.promise.set_exception(job.error);
  } else {
    job.promise.set_value(std::make_shared<const Result>(std::move(job.result)));
  }
}

void Worker::carry_out(const Task& task) {
  Job& job = *task.job;
  if (const std::exception_ptr error = failure_.error()) return fail(job, error);
  if (job.step < 0) {
    job.step = step_;
    job.bytes_sent_before = traffic_.sent;
    job.waits_before = mail_.waits().seconds();
    mail_.waits().begin(context(job));
    mail_.waits().enter(Stage::kMeeting);
  }
  if (task.ready) {
    steps_->await(*task.ready);
    job.ready = task.ready;
  }
  const Digest previous = digest_previous(task);
  const bool all_finish = agree(task, task.message, previous.value);
  if (job.error) return;
  mail_.waits().enter(all_finish ? Stage::kLeaving : Stage::kTogether);
  if (task.adds()) {
    if (!previous.finite) job.exchange->forget_previous();
    job.exchange->add(task.bucket);
    ++job.adds;
    if (!task.finishes) return;
    if (!all_finish) agree(task, Message::kFinish, 0);
    if (job.error) return;
  }
  finish(job);
}

void Worker::finish(Job& job) {
  mail_.waits().enter(Stage::kLeaving);
  job.exchange->finish();
  job.result = {steps_, take_off(job), job.exchange->findings(), report_of(job)};
  mail_.waits().enter(Stage::kMeeting);
}

/// Watches what has been enqueued for the job; null if that is done.
std::shared_ptr<Flight> Worker::take_off(const Job& job) {
  std::shared_ptr<const Mark> end = steps_->mark();
  if (!end) return nullptr;
  auto flight = std::make_shared<Flight>(std::move(end), job.ready, context(job));
  flights_.add(flight);
  return flight;
}

/// Until all that has been enqueued is done. @throws as Flights::watch()
void Worker::await_device(const Job& job) {
  if (take_off(job)) flights_.watch_all(*transport_);
}

void Worker::watch() noexcept {
  try {
    flights_.watch(*transport_);
  } catch (const std::exception&) {
    failure_.strike(std::current_exception(), flights_.front().context());
  }
}

/// The value is 0 if the task has no previous output.
Digest Worker::digest_previous(const Task& task) {
  const collective::Bucket& bucket = task.bucket;
  if (bucket.previous == nullptr || !task.refusal.empty()) return {};
  await_device(*task.job);  // the digest is read, and reading has no deadline
  const collective::Timed timed(task.job->phases.headers);
  return steps_->digest(bucket.previous, bucket.d, bucket.dtype);
}

/// Headers go round; then either all ranks go on, with job.exchange there, or all fail the job.
/// Returns whether the finish of all of them comes with this add.
bool Worker::agree(const Task& task, Message message, std::uint64_t previous) {
  Job& job = *task.job;
  const bool adds = message == Message::kAdd;
  const collective::Timed timed(job.phases.headers, adds ? static_cast<int>(job.adds) : -1);
  Declaration mine = declare(task, message, options_, mail_.size());
  mine.header.rank = mail_.rank();
  mine.header.previous = previous;
  collective::write_text(mine.header.kind, steps_->kind());
  headers_[mail_.rank()] = mine.header;

  const collective::Agreement agreement = collective::agree(mail_, echoes_, headers_, mine.refusal);
  step_ = agreement.next_step;
  if (agreement.error) {
    if (job.exchange) await_device(job);  // adds before this one may still be under way
    fail(job, agreement.error);
    return false;
  }
  if (job.exchange) return agreement.last;
  const collective::Tools tools{mail_, echoes_, *steps_, job.phases};
  job.exchange = options_.algorithm == Algorithm::kRing
                     ? collective::make_ring(tools, job.call, mine.plan)
                     : collective::make_sharded(tools, job.call, mine.plan);
  return agreement.last;
}

/// Once the caller learns of it, nothing reads its vectors any more.
void Worker::fail(Job& job, std::exception_ptr error) noexcept {
  mail_.waits().enter(Stage::kMeeting);
  job.exchange.reset();
  job.error = std::move(error);
}

/// After a failure. Buffers go after the transport has let go; if it cannot, those of the exchange
/// stay for good, and its caller is told to keep the vectors.
void Worker::abandon(Job& job) noexcept {
  const std::exception_ptr error = failure_.error();
  if (!transport_->let_go()) {
    keep_for_good(std::move(job.exchange));
    const auto flight = std::make_shared<Flight>(nullptr, nullptr, context(job));
    flight->fail(error, transport_);
    job.result = {.steps = steps_, .flight = flight, .findings = {}, .report = {}};
  }
  fail(job, error);
}

std::string Worker::context(const Job& job) const {
  return concat("step ", job.step, ", ", to_text(job.call.operation, job.call.root), " ",
                job.call.rule_text);
}

Report Worker::report_of(const Job& job) {
  Report report;
  report.algorithm = to_text(options_.algorithm);
  report.step = job.step;
  report.bytes_sent = traffic_.sent - job.bytes_sent_before;
  report.waits = mail_.waits().seconds();
  for (std::size_t r = 0; r < report.waits.size(); ++r) report.waits[r] -= job.waits_before[r];
  job.phases.describe(report);
  return report;
}

}  // namespace byzccl
