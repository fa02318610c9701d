// SPDX-License-Identifier: MIT
// Where device memory is taken from.

#pragma once

#include <byzccl/cuda.hpp>
#include <memory>

namespace byzccl::cuda {

/// What set_memory() was given last; null: the device's stream-ordered pool.
std::shared_ptr<Memory> memory_source();

}  // namespace byzccl::cuda
