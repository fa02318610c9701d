// SPDX-License-Identifier: MIT
// Loops over coordinates on several threads.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace byzccl::cpu {

/// Calls work(item) once for each item in [0, items), in any order, on up to byzccl::threads()
/// threads, each in the mode of FloatMode; returns when all is done. Few elements get few threads.
///
/// Threads live for one call: a pool would be gone in a forked child. What an item computes must
/// not depend on which thread runs it.
///
/// @param elements  vector elements that all items read together: what decides whether threads pay
/// @throws the first exception that an item threw; items not yet begun are then skipped
void parallel(std::int64_t items, std::int64_t elements,
              const std::function<void(std::int64_t item)>& work);

}  // namespace byzccl::cpu
