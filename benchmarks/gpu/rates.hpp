// SPDX-License-Identifier: MIT
// What the device can do at best, measured.

#pragma once

#include "benchmarks/gpu/timer.hpp"
#include "benchmarks/rates.hpp"

namespace byzccl::bench {

struct DeviceRates {
  double copy = 0;  ///< bytes a second, read and written, of a copy on the device
  double read = 0;  ///< bytes a second of reading alone
  Rates rates;      ///< float32 operations a second
};

/// @param bytes   of the memory that is copied and read; several times the cache
/// @param rounds  of the loops of float32 operations
DeviceRates measure_device_rates(const Timer& timer, std::size_t bytes, int rounds);

}  // namespace byzccl::bench
