// SPDX-License-Identifier: MIT
#include "cuda_on_cpu/nccl_comm.hpp"

#include <atomic>
#include <cstdio>
#include <utility>

#include "cuda_on_cpu/nccl.hpp"
#include "cuda_on_cpu/runtime.hpp"

namespace {

std::atomic<int> communicators{0};

/// Counts down to the launch that is to fail.
bool fails_now() {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  int& left = cuda_on_cpu::nccl_world().fails_at_launch;
  return left > 0 && --left == 0;
}

}  // namespace

namespace cuda_on_cpu {

int nccl_communicators() { return communicators; }

}  // namespace cuda_on_cpu

ncclComm::ncclComm(std::shared_ptr<cuda_on_cpu::Clique> ranks, int own_rank, bool waits)
    : clique(std::move(ranks)), rank(own_rank), blocking(waits) {
  ++communicators;
  begin();
}

ncclComm::~ncclComm() { --communicators; }

void ncclComm::begin() { polls_ = blocking ? 0 : clique->draw(rank, 3); }

ncclResult_t ncclComm::ready(const char* call) {
  const bool busy = !joined_ || launching_ || splitting_ || (finalizing_ && !finalized_);
  if (busy || finalized_) {
    std::fprintf(stderr, "cuda_on_cpu: NCCL: %s on a communicator that %s\n", call,
                 busy ? "is in progress" : "was finalized");
    say(std::string(call) + " came at the wrong time");
    return busy ? ncclInvalidArgument : ncclInvalidUsage;
  }
  return clique->error(rank);
}

ncclResult_t ncclComm::poll() {
  if (const ncclResult_t error = clique->error(rank); error != ncclSuccess) return error;
  if (!joined_) {
    if (blocking) clique->wait_complete();
    if (!clique->complete()) return ncclInProgress;
  }
  if (splitting_ && !clique->is_split(splitting_->round)) return ncclInProgress;
  if (launching_ && !clique->connected(rank, launching_->messages)) return ncclInProgress;
  if (finalizing_ && !outstanding->none()) return ncclInProgress;
  if (polls_ > 0) {
    --polls_;
    return ncclInProgress;
  }
  joined_ = true;
  finalized_ = finalizing_;
  if (splitting_) finish_split(*std::exchange(splitting_, std::nullopt));
  if (launching_) return enqueue(*std::exchange(launching_, std::nullopt));
  return ncclSuccess;
}

ncclResult_t ncclComm::launch(cuda_on_cpu::Group group) {
  if (stream_.value_or(group.stream) != group.stream) {
    std::fprintf(stderr, "cuda_on_cpu: NCCL: a communicator is used on a second stream\n");
    return ncclInvalidUsage;
  }
  stream_ = group.stream;
  clique->meet(rank, group.messages);
  begin();
  launching_ = std::move(group);
  if (!blocking) return ncclInProgress;
  clique->wait_connected(rank, launching_->messages);
  return poll();
}

ncclResult_t ncclComm::enqueue(const cuda_on_cpu::Group& group) {
  if (fails_now()) {
    say("the group failed to launch, as it was told to");
    clique->fail(rank, ncclSystemError);
    return ncclSystemError;
  }
  outstanding->add();
  // Counted down even if the stream has failed and skips it.
  const std::shared_ptr<void> counted(nullptr, [on = outstanding](void*) { on->remove(); });
  const cudaError_t error =
      cuda_on_cpu::enqueue(group.stream, [ranks = clique, own = rank, messages = group.messages,
                                          counted] { ranks->move(own, messages); });
  if (error == cudaSuccess) return ncclSuccess;
  clique->fail(rank, ncclUnhandledCudaError);
  return ncclUnhandledCudaError;
}

ncclResult_t ncclComm::split(int color, int key, ncclComm** part, bool part_waits) {
  begin();
  splitting_ = {clique->split(rank, color, key), part, part_waits};
  if (!blocking) return ncclInProgress;
  clique->wait_split(splitting_->round);
  return poll();
}

void ncclComm::finish_split(const Split& asked) {
  const auto part = clique->part(asked.round, rank);
  if (part.clique == nullptr) return;
  part.clique->join(part.rank, device);
  *asked.part = new ncclComm(part.clique, part.rank, asked.part_waits);
  if (asked.part_waits) (*asked.part)->poll();
}

ncclResult_t ncclComm::finalize() {
  begin();
  finalizing_ = true;
  if (!blocking) return ncclInProgress;
  outstanding->wait();
  return poll();
}
