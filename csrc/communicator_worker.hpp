// SPDX-License-Identifier: MIT
// The thread that carries out a communicator's calls, in their order.

#pragma once

#include <atomic>
#include <byzccl/communicator.hpp>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "csrc/collective/echoes.hpp"
#include "csrc/collective/header.hpp"
#include "csrc/collective/mail.hpp"
#include "csrc/collective/sentry.hpp"
#include "csrc/communicator_failure.hpp"
#include "csrc/communicator_flight.hpp"
#include "csrc/communicator_job.hpp"

namespace byzccl {

class Worker {
 public:
  Worker(std::shared_ptr<Transport> transport, const CommunicatorOptions& options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  const Transport& transport() const { return *transport_; }
  const CommunicatorOptions& options() const { return options_; }
  const collective::Traffic& traffic() const { return traffic_; }
  Steps& steps() const { return *steps_; }
  /// The stream that the caller's calls from now on are ordered with.
  CUstream_st* stream() const { return stream_; }
  void use_stream(CUstream_st* stream) { stream_ = stream; }

  /// One exchange is open at a time. @throws InvalidArgument
  void open();
  /// Enqueues. Whatever becomes of a finish, its job's promise is kept.
  void add(Task task);
  /// The last task of the open exchange.
  void close(Task task);

  void abort(std::string_view reason) noexcept { failure_.give_up(reason); }
  /// Joins the thread; gives up what is under way. Later tasks fail. Again is a no-op.
  void stop() noexcept;

 private:
  void enqueue(Task task, bool last);
  void loop();
  void run(const Task& task) noexcept;
  void settle(Job& job) noexcept;
  void carry_out(const Task& task);
  Digest digest_previous(const Task& task);
  bool agree(const Task& task, collective::Message message, std::uint64_t previous);
  void finish(Job& job);
  std::shared_ptr<Flight> take_off(const Job& job);
  void await_device(const Job& job);
  void watch() noexcept;
  void fail(Job& job, std::exception_ptr error) noexcept;
  void abandon(Job& job) noexcept;
  std::string context(const Job& job) const;
  Report report_of(const Job& job);

  const std::shared_ptr<Transport> transport_;
  const CommunicatorOptions options_;
  const std::shared_ptr<Steps> steps_;
  std::atomic<CUstream_st*> stream_{nullptr};
  collective::Traffic traffic_;
  collective::Mail mail_;

  // The thread's alone.
  std::vector<collective::Header> headers_;
  collective::Echoes echoes_;
  std::int64_t step_ = 0;
  Flights flights_;
  Failure failure_;
  Lookout lookout_;  // while a call waits for peers

  collective::Sentry sentry_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  bool open_ = false;
  bool busy_ = false;
  bool stopping_ = false;
  bool finished_ = false;  // the thread touches no job any more

  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace byzccl
