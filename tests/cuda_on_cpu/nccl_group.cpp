// SPDX-License-Identifier: MIT
// The calls of nccl.h that move messages.

#include <nccl.h>

#include <cstdio>
#include <utility>

#include "cuda_on_cpu/nccl_comm.hpp"

namespace cuda_on_cpu {

ncclResult_t refuse(ncclResult_t result, const char* why) {
  std::fprintf(stderr, "cuda_on_cpu: NCCL: %s\n", why);
  return result;
}

}  // namespace cuda_on_cpu

namespace {

using cuda_on_cpu::Group;
using cuda_on_cpu::Message;
using cuda_on_cpu::refuse;

/// What the calling thread has gathered since ncclGroupStart().
struct Gathered {
  int depth = 0;
  ncclResult_t error = ncclSuccess;
  ncclComm_t comm = nullptr;
  Group group;
};
thread_local Gathered gathered;

ncclResult_t gather(ncclComm_t comm, const Message& message, cudaStream_t stream) {
  if (const ncclResult_t state = comm->ready("ncclSend or ncclRecv"); state != ncclSuccess) {
    return state;
  }
  if (message.peer < 0 || message.peer >= comm->clique->size() || message.peer == comm->rank) {
    return refuse(ncclInvalidArgument, "no such peer, or the rank itself");
  }
  if (message.data == nullptr && message.bytes > 0) {
    return refuse(ncclInvalidArgument, "a message has no buffer");
  }
  if (!gathered.group.messages.empty() &&
      (gathered.comm != comm || gathered.group.stream != stream)) {
    return refuse(ncclInvalidUsage, "a group of two communicators or streams");
  }
  gathered.comm = comm;
  gathered.group.stream = stream;
  gathered.group.messages.push_back(message);
  return ncclSuccess;
}

/// A message outside a group is a group of its own.
ncclResult_t add(ncclComm_t comm, const Message& message, cudaStream_t stream) {
  if (comm == nullptr) return ncclInvalidArgument;
  ncclGroupStart();
  const ncclResult_t added = gather(comm, message, stream);
  if (added != ncclSuccess) gathered.error = added;
  const bool alone = gathered.depth == 1;
  const ncclResult_t ended = ncclGroupEnd();
  return alone ? ended : added;
}

}  // namespace

ncclResult_t ncclGroupStart() {
  ++gathered.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (gathered.depth == 0) return refuse(ncclInvalidUsage, "ncclGroupEnd without ncclGroupStart");
  if (--gathered.depth > 0) return ncclSuccess;
  Gathered all = std::exchange(gathered, {});
  if (all.error != ncclSuccess) return all.error;
  return all.comm == nullptr ? ncclSuccess : all.comm->launch(std::move(all.group));
}

ncclResult_t ncclSend(const void* data, std::size_t count, ncclDataType_t, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  return add(comm, {true, peer, const_cast<void*>(data), count}, stream);
}

ncclResult_t ncclRecv(void* data, std::size_t count, ncclDataType_t, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  return add(comm, {false, peer, data, count}, stream);
}
