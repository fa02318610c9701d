// SPDX-License-Identifier: MIT
// Runs the lanes of a grid on the CPU: as fibers of the calling thread, in an order drawn from a
// seed, or each as a thread of the operating system, so that TSan sees them.

#pragma once

#include <vector_types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>

namespace cuda_on_cpu {

/// What a real device answers by undefined behaviour or a hang.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct GridShape {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;
};

/// A barrier in the source: file and line.
using Place = std::pair<std::string, unsigned>;

/// TSan follows threads; it does not follow fibers that longjmp.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

struct Device {
  bool os_threads = kThreadSanitizer;
  std::uint64_t seed = 1;
  unsigned resident = 3;                ///< blocks that run at a time
  std::chrono::seconds patience{60};    ///< with one block or spin loop
  std::optional<Place> dropped = {};    ///< this barrier does nothing: a mutant
  std::set<Place>* barriers = nullptr;  ///< collects the barriers that are met; fibers only
};

/// Set while no grid runs.
Device& device();

/// Calls lane() once for each lane of the grid and returns when all have returned.
/// @throws DeviceError if lanes wait for others that never come, or a launch limit is broken
void run_grid(const GridShape& shape, const std::function<void()>& lane);

}  // namespace cuda_on_cpu
