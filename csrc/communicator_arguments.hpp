// SPDX-License-Identifier: MIT
// What can be wrong with the arguments of a communicator's calls, seen from one rank.

#pragma once

#include <byzccl/communicator.hpp>
#include <string>

#include "csrc/collective/call.hpp"

namespace byzccl {

/// @throws InvalidArgument for options out of range
CommunicatorOptions check_options(const CommunicatorOptions& options);

/// What is wrong with an add, or nothing.
std::string find_mistake(const collective::Bucket& bucket);
/// What is wrong with an add where kernels read it, besides what holds for any, or nothing.
std::string find_misaligned(const collective::Bucket& bucket);
/// What is wrong with a reduce_scatter's arguments, besides what holds for any add, or nothing.
std::string find_scatter_mistake(const collective::Bucket& bucket, int rank, int n);

}  // namespace byzccl
