// SPDX-License-Identifier: MIT
// What NCCL answers, as exceptions. The one place that includes nccl.h.

#pragma once

#include <nccl.h>

#include <byzccl/error.hpp>
#include <string>

#if NCCL_VERSION_CODE < NCCL_VERSION(2, 18, 0)
#error "NCCL 2.18 or later is needed"
#endif

namespace byzccl::nccl {

/// The call and NCCL's own words; `comm` may be null.
std::string describe(ncclResult_t result, const char* call, ncclComm_t comm);

/// @throws NcclError unless `result` is ncclSuccess or ncclInProgress
void check(ncclResult_t result, const char* call, ncclComm_t comm = nullptr);

}  // namespace byzccl::nccl
