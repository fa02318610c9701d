// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/comm.hpp"

#include <algorithm>
#include <deque>
#include <thread>

namespace byzccl::nccl {
namespace {

using std::chrono::microseconds;

// How long the destructor waits for messages that are still under way.
constexpr std::chrono::seconds kPatience{10};

/// Spins at first: NCCL is mostly done within microseconds.
class Backoff {
 public:
  void pause() {
    if (++rounds_ < 200) return std::this_thread::yield();
    std::this_thread::sleep_for(microseconds(std::min(rounds_ - 190, 500)));
  }

 private:
  int rounds_ = 0;
};

ncclConfig_t non_blocking() {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return config;
}

/// The peer of all messages; PeerError::kAny if there are several.
int only_peer(std::span<const Message> messages) {
  const int first = messages.front().peer;
  const bool alike = std::all_of(messages.begin(), messages.end(),
                                 [&](const Message& message) { return message.peer == first; });
  return alike ? first : PeerError::kAny;
}

ncclResult_t post(const Message& message, ncclComm_t comm, cudaStream_t stream) {
  return message.sends
             ? ncclSend(message.data, message.bytes, ncclInt8, message.peer, comm, stream)
             : ncclRecv(message.data, message.bytes, ncclInt8, message.peer, comm, stream);
}

PeerError late(const char* call, int peer) {
  const std::string who = peer == PeerError::kAny ? "some rank" : concat("rank ", peer);
  return {peer, true, concat(who, " did not come in time (", call, ")")};
}

PeerError aborted() { return {PeerError::kAny, false, "the transport was aborted"}; }

/// @throws PeerError if the error comes from another rank, or from the way to it; else NcclError
void check_remote(ncclResult_t result, const char* call, ncclComm_t comm) {
  if (result == ncclRemoteError || result == ncclSystemError) {
    throw PeerError(PeerError::kAny, false, describe(result, call, comm));
  }
  check(result, call, comm);
}

/// Where a split puts its part. A parent that does not block writes it when all ranks have come,
/// which may be after we have given up: these places stay for good.
ncclComm_t& new_part() {
  static std::mutex mutex;
  static std::deque<ncclComm_t> parts;
  const std::lock_guard lock(mutex);
  return parts.emplace_back(nullptr);
}

/// Until the operation on `comm` has ended. @throws NcclError, PeerError
void await(ncclComm_t comm, const char* call, Deadline deadline) {
  Backoff backoff;
  ncclResult_t state = ncclInProgress;
  while (true) {
    check(ncclCommGetAsyncError(comm, &state), "ncclCommGetAsyncError", comm);
    if (state != ncclInProgress) return check(state, call, comm);
    if (Clock::now() > deadline) throw late(call, PeerError::kAny);
    backoff.pause();
  }
}

}  // namespace

Comm::Comm(const ncclUniqueId& id, int rank, int size, std::shared_ptr<Ending> ending,
           Deadline deadline)
    : ending_(std::move(ending)) {
  const cuda::BesideCaptures beside;
  ncclConfig_t config = non_blocking();
  try {
    check(ncclCommInitRankConfig(&comm_, size, id, rank, &config), "ncclCommInitRankConfig");
    await(comm_, "ncclCommInitRankConfig", deadline);
  } catch (...) {
    abort();
    throw;
  }
}

Comm::Comm(ncclComm_t parent, int rank, std::shared_ptr<Ending> ending, Deadline deadline)
    : ending_(std::move(ending)) {
  const cuda::BesideCaptures beside;
  ncclConfig_t config = non_blocking();
  ncclComm_t& part = new_part();
  check(ncclCommSplit(parent, 0, rank, &part, &config), "ncclCommSplit", parent);
  await(parent, "ncclCommSplit", deadline);
  comm_ = part;
  try {
    await(comm_, "ncclCommSplit", deadline);
  } catch (...) {
    abort();
    throw;
  }
}

Comm::~Comm() {
  if (comm_ == nullptr) return;
  const cuda::BesideCaptures beside;
  if (finalize()) {
    ncclCommDestroy(comm_);
  } else {
    abort();
  }
}

bool Comm::finalize() noexcept {
  ncclResult_t state = ncclCommFinalize(comm_);
  const Deadline deadline = Clock::now() + kPatience;
  Backoff backoff;
  while (state == ncclInProgress && Clock::now() < deadline) {
    if (ncclCommGetAsyncError(comm_, &state) != ncclSuccess) return false;
    backoff.pause();
  }
  return state == ncclSuccess;
}

void Comm::launch(std::span<const Message> messages, cudaStream_t stream, Deadline deadline) {
  {
    const std::lock_guard lock(mutex_);
    if (comm_ == nullptr) throw aborted();
    check(ncclGroupStart(), "ncclGroupStart");
    ncclResult_t posted = ncclSuccess;
    for (const Message& message : messages) {
      posted = post(message, comm_, stream);
      if (posted != ncclSuccess && posted != ncclInProgress) break;
    }
    const ncclResult_t ended = ncclGroupEnd();  // also after a failure: the thread is in the group
    check_remote(posted, "ncclSend or ncclRecv", comm_);
    check_remote(ended, "ncclGroupEnd", comm_);
    if (ended == ncclSuccess) return;
  }
  settle("ncclGroupEnd", only_peer(messages), deadline);
}

/// Until what was launched is on its stream.
void Comm::settle(const char* call, int peer, Deadline deadline) {
  Backoff backoff;
  while (state() == ncclInProgress) {
    if (Clock::now() > deadline) throw late(call, peer);
    if (interrupt_) interrupt_();
    backoff.pause();
  }
}

ncclResult_t Comm::state() {
  const std::lock_guard lock(mutex_);
  if (comm_ == nullptr) throw aborted();
  ncclResult_t state = ncclSuccess;
  check(ncclCommGetAsyncError(comm_, &state), "ncclCommGetAsyncError", comm_);
  if (state != ncclInProgress) check_remote(state, "a message", comm_);
  return state;
}

void Comm::poll() { state(); }

void Comm::abort() noexcept {
  {
    const std::lock_guard lock(mutex_);
    // Nobody is inside a call with it, and no later one finds it.
    if (comm_ != nullptr) ending_->begin(std::exchange(comm_, nullptr));
  }
  ending_->wait();
}

}  // namespace byzccl::nccl
