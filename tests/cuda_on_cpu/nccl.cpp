// SPDX-License-Identifier: MIT
// The calls of nccl.h that make and end communicators.

#include <nccl.h>

#include <condition_variable>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "cuda_on_cpu/nccl.hpp"
#include "cuda_on_cpu/nccl_comm.hpp"
#include "cuda_on_cpu/runtime.hpp"

namespace {

using cuda_on_cpu::Clique;
using cuda_on_cpu::refuse;

/// Ids that were given out and not yet used up, and the ranks that came with them.
struct Ids {
  std::mutex mutex;
  unsigned long given = 0;
  std::map<std::string, std::shared_ptr<Clique>> cliques;
};

Ids& ids() {
  static auto& the_ids = *new Ids;  // never destroyed: an abort may end after main
  return the_ids;
}

/// Where aborts hang.
class Hang {
 public:
  void set(bool hangs) {
    const std::lock_guard lock(mutex_);
    hangs_ = hangs;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !hangs_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool hangs_ = false;
};

Hang& hang() {
  static auto& the_hang = *new Hang;  // as ids()
  return the_hang;
}

std::string text_of(const ncclUniqueId& id) { return {id.internal, sizeof id.internal}; }

bool is_config(const ncclConfig_t& config) {
  return config.size == sizeof config && config.magic == 0xcafebeef;
}

}  // namespace

void cuda_on_cpu::hang_aborts(bool hang_now) { hang().set(hang_now); }

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error";
    case ncclSystemError:
      return "unhandled system error";
    case ncclInternalError:
      return "internal error";
    case ncclInvalidArgument:
      return "invalid argument";
    case ncclInvalidUsage:
      return "invalid usage";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
  }
  return "unknown result code";
}

const char* ncclGetLastError(ncclComm_t comm) {
  return comm == nullptr ? "" : comm->last_error.c_str();
}

// -------------------------------------------------------------------------------------------------
// communicators

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  const std::lock_guard lock(ids().mutex);
  std::memset(id->internal, 0x5a, sizeof id->internal);
  const unsigned long number = ++ids().given;
  std::memcpy(id->internal, &number, sizeof number);
  ids().cliques[text_of(*id)] = nullptr;
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (size < 1 || rank < 0 || rank >= size) return ncclInvalidArgument;
  if (config != nullptr && !is_config(*config)) {
    return refuse(ncclInvalidArgument, "a configuration that was not initialized");
  }
  std::shared_ptr<Clique> clique;
  {
    const std::lock_guard lock(ids().mutex);
    const auto found = ids().cliques.find(text_of(id));
    if (found == ids().cliques.end()) return refuse(ncclSystemError, "nobody knows the id");
    if (found->second == nullptr) found->second = std::make_shared<Clique>(size);
    clique = found->second;
    if (clique->size() != size) return refuse(ncclInvalidUsage, "sizes disagree");
    if (!clique->join(rank, cuda_on_cpu::current_device()))
      return refuse(ncclInvalidUsage, "two ranks of the same number");
    if (clique->complete()) ids().cliques.erase(found);
  }
  const bool blocking = config == nullptr || config->blocking != 0;
  *comm = new ncclComm(std::move(clique), rank, blocking);
  return blocking ? (*comm)->poll() : ncclInProgress;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int size, ncclUniqueId id, int rank) {
  return ncclCommInitRankConfig(comm, size, id, rank, nullptr);
}

ncclResult_t ncclCommSplit(ncclComm_t comm, int color, int key, ncclComm_t* part,
                           ncclConfig_t* config) {
  if (comm == nullptr) return ncclInvalidArgument;
  if (config != nullptr && !is_config(*config)) return ncclInvalidArgument;
  if (const ncclResult_t state = comm->ready("ncclCommSplit"); state != ncclSuccess) return state;
  const bool inherits = config == nullptr || config->blocking == NCCL_CONFIG_UNDEF_INT;
  *part = nullptr;
  return comm->split(color, key, part, inherits ? comm->blocking : config->blocking != 0);
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  if (comm == nullptr) return ncclInvalidArgument;
  const ncclResult_t state = comm->ready("ncclCommFinalize");
  return state == ncclSuccess ? comm->finalize() : state;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  if (comm == nullptr) return ncclSuccess;
  comm->outstanding->wait();
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  if (comm == nullptr) return ncclSuccess;
  hang().wait();
  comm->clique->abort(comm->rank);
  delete comm;
  return ncclSuccess;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* error) {
  if (comm == nullptr) return ncclInvalidArgument;
  *error = comm->poll();
  return ncclSuccess;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  *count = comm->clique->size();
  return comm->ready("ncclCommCount");
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank) {
  *rank = comm->rank;
  return comm->ready("ncclCommUserRank");
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int* device) {
  *device = comm->device;
  return comm->ready("ncclCommCuDevice");
}
