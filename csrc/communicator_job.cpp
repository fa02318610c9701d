// SPDX-License-Identifier: MIT
#include "csrc/communicator_job.hpp"

namespace byzccl {

using collective::Message;

Declaration declare(const Task& task, Message message, const CommunicatorOptions& options, int n) {
  const Job& job = *task.job;
  Declaration mine;
  collective::Header& header = mine.header;
  try {
    BYZCCL_CHECK(task.refusal.empty(), task.refusal);
    BYZCCL_CHECK(job.call.rule_text.size() < sizeof(header.rule), "a rule's text has at most ",
                 sizeof(header.rule) - 1, " characters, this one has ", job.call.rule_text.size());
    if (!job.exchange) mine.plan = plan(job.call.rule, n, task.bucket.dtype);
    BYZCCL_CHECK(!mine.plan.needs_own, job.call.rule_text,
                 " gives every rank another result: it is for aggregate() alone");
  } catch (const InvalidArgument& error) {
    mine.refusal = std::current_exception();
    header.refused = 1;
    collective::write_text(header.reason, error.what());
  }
  mine.plan.step = job.step;
  header.step = job.step;
  header.index = job.adds;
  header.count = task.bucket.d;
  header.chunk_bytes = static_cast<std::int64_t>(options.chunk_bytes);
  header.size = n;
  header.root = job.call.root;
  header.message = message;
  header.algorithm = options.algorithm;
  header.operation = job.call.operation;
  header.dtype = task.bucket.dtype;
  // In a ring the headers of the finish are what keeps a rank that has everything from finishing
  // alone when another dies.
  const bool joins = message == Message::kAdd && options.algorithm == Algorithm::kSharded;
  header.last = task.finishes && joins ? 1 : 0;
  collective::write_text(header.rule, job.call.rule_text);
  return mine;
}

}  // namespace byzccl
