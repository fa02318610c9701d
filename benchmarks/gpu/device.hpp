// SPDX-License-Identifier: MIT
// The device that is measured.

#pragma once

#include <cstddef>

#include "benchmarks/record.hpp"

namespace byzccl::bench {

/// Whether there is a device at all.
bool has_device();

/// Name, compute capability, multiprocessors, second-level cache, memory, driver, runtime, and what
/// machine_facts() says of the rest.
Json device_facts();

std::size_t cache_bytes();  ///< of the second level
std::size_t free_bytes();   ///< of the device's memory, right now
unsigned multiprocessors();

}  // namespace byzccl::bench
