// SPDX-License-Identifier: MIT
// What aggregates of vectors on one device check before they begin, wherever that device is.

#pragma once

#include <byzccl/aggregate.hpp>
#include <cstdint>
#include <span>
#include <string_view>

namespace byzccl {

/// The plan of `rule` for the vectors x [n, d] and the caller.
/// @throws InvalidArgument if the rule's bound on n is broken, d < 0, a pointer is null although
///         d > 0, or the rule needs something of the caller that is not there
Plan local_plan(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
                const Caller& caller);

/// @param call  its name, for messages
/// @throws InvalidArgument if d < 0, or a pointer is null although d > 0
void check_vectors(std::string_view call, std::span<const void* const> x, std::int64_t d);

/// @throws InvalidArgument unless there is an output, or nothing to write
void check_output(const void* out, std::int64_t d);

}  // namespace byzccl
