// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/result.hpp"

namespace byzccl::nccl {

std::string describe(ncclResult_t result, const char* call, ncclComm_t comm) {
  std::string text = concat(call, " failed: ", ncclGetErrorString(result));
  const char* const more = ncclGetLastError(comm);
  if (more != nullptr && *more != '\0') text += concat(" (", more, ")");
  return text;
}

void check(ncclResult_t result, const char* call, ncclComm_t comm) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  throw NcclError(describe(result, call, comm));
}

}  // namespace byzccl::nccl
