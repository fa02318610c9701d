// SPDX-License-Identifier: MIT
// One exchange between the caller, who describes it, and the worker, who carries it out.

#pragma once

#include <byzccl/communicator.hpp>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "csrc/collective/exchange.hpp"

namespace byzccl {

struct Job {
  explicit Job(collective::Call what) : call(std::move(what)) {}

  const collective::Call call;

  // The worker's alone, until it has kept the promise.
  collective::Phases phases;
  std::unique_ptr<collective::Exchange> exchange;
  std::exception_ptr error;  ///< what is left of the exchange is swallowed, and finish() raises it
  std::int64_t step = -1;    ///< once it has begun
  std::int64_t adds = 0;
  std::int64_t bytes_sent_before = 0;

  Report report;  ///< if there is no error, once the last task is done

  std::promise<Report> promise;
};

/// One call of the caller's: an add, or the finish.
struct Task {
  std::shared_ptr<Job> job;
  collective::Message message = collective::Message::kFinish;
  collective::Bucket bucket = {};
  std::string refusal = {};  ///< not empty: a mistake, of which only the header tells the others

  /// No task of the job follows: its promise is to be kept.
  bool last() const { return message == collective::Message::kFinish || !refusal.empty(); }
};

}  // namespace byzccl
