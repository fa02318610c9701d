// SPDX-License-Identifier: MIT
// One exchange between the caller, who describes it, and the worker, who carries it out.

#pragma once

#include <byzccl/communicator.hpp>
#include <exception>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "csrc/collective/exchange.hpp"
#include "csrc/collective/findings.hpp"
#include "csrc/collective/header.hpp"
#include "csrc/communicator_flight.hpp"

namespace byzccl {

/// What an exchange came to.
struct Result {
  std::shared_ptr<Steps> steps;
  std::shared_ptr<const Flight>
      flight;  ///< what the device still does; null: nothing. After a
               ///< failure before that the device may touch x for all that
  collective::Findings findings;
  Report report;  ///< without what the findings tell
};

struct Job {
  explicit Job(collective::Call what) : call(std::move(what)) {}

  const collective::Call call;

  // The worker's alone, until it has kept the promise.
  collective::Phases phases;
  std::unique_ptr<collective::Exchange> exchange;
  std::exception_ptr error;  ///< what is left of the exchange is swallowed, and finish() raises it
  std::int64_t step = -1;    ///< once it has begun
  std::int64_t adds = 0;
  std::shared_ptr<const Mark> ready;  ///< as the newest task's
  std::int64_t bytes_sent_before = 0;
  std::vector<double> waits_before;  ///< seconds by rank

  Result result;  ///< if there is no error, once the last task is done

  std::promise<std::shared_ptr<const Result>> promise;
};

/// One call of the caller's: an add, the finish, or both at once.
struct Task {
  std::shared_ptr<Job> job;
  collective::Message message = collective::Message::kFinish;
  collective::Bucket bucket = {};
  std::string refusal = {};  ///< not empty: a mistake, of which only the header tells the others
  bool finishes = false;     ///< of an add: the finish comes with it
  std::shared_ptr<const Mark> ready = {};  ///< where x is there; null: it is

  bool adds() const { return message == collective::Message::kAdd; }
  /// No task of the job follows: its promise is to be kept.
  bool last() const { return !adds() || finishes || !refusal.empty(); }
};

/// What a rank says before a task.
struct Declaration {
  collective::Header header;   ///< without rank, kind and the digest of the previous output
  std::exception_ptr refusal;  ///< why it cannot take part, as the header says; or null
  Plan plan;                   ///< if no exchange is there yet and nothing is refused
};
Declaration declare(const Task& task, collective::Message message,
                    const CommunicatorOptions& options, int n);

}  // namespace byzccl
