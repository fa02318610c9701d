// SPDX-License-Identifier: MIT
// The checks of craft(), before it reads a vector.

#pragma once

#include <byzccl/attack.hpp>
#include <cstdint>
#include <span>

namespace byzccl::attacks {

/// @param attack  a complete one
/// @throws InvalidArgument if the context, the vectors or a parameter are out of range
void check(const Attack& attack, std::span<const void* const> honest, std::int64_t d, DType dtype,
           const AttackContext& context, const void* out);

}  // namespace byzccl::attacks
