// SPDX-License-Identifier: MIT
// A block while it runs: what its lanes share, and how they wait for each other.

#pragma once

#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "cuda_on_cpu/device.hpp"

namespace cuda_on_cpu {

inline constexpr unsigned kWarp = 32;

struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  std::size_t bytes = 0;
  std::size_t zeros = 0;
};

/// Batches of a lane, in order; the last one has not ended.
using LaneCopies = std::deque<std::vector<Copy>>;

class Block {
 public:
  Block(const GridShape& shape, uint3 index);
  virtual ~Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  virtual void barrier(std::source_location here) = 0;
  virtual void shuffle(int lane_mask, const void* value, void* result, std::size_t bytes,
                       std::source_location here) = 0;
  virtual void back_off() = 0;

  void* shared_memory(std::size_t bytes);
  /// Copies that each lane has enqueued.
  LaneCopies& copies(unsigned lane) { return copies_[lane]; }
  unsigned size() const { return shape_.threads.x; }
  unsigned warps() const { return (size() + kWarp - 1) / kWarp; }
  /// Lanes of warp `warp`: the last one may have fewer.
  unsigned warp_size(unsigned warp) const;
  std::string name() const;

 protected:
  /// Makes lane `lane` the one that runs on this thread.
  void enter(unsigned lane);

 private:
  const GridShape shape_;
  const uint3 index_;
  std::unique_ptr<std::byte[]> shared_;
  std::vector<LaneCopies> copies_;
};

inline std::string to_text(const std::source_location& place) {
  return std::string(place.file_name()) + ":" + std::to_string(place.line());
}

inline bool is_dropped(const std::source_location& place) {
  return device().dropped == Place(place.file_name(), place.line());
}

/// As run_grid, in one of the two ways.
void run_fibers(const GridShape& shape, const std::function<void()>& lane);
void run_os_threads(const GridShape& shape, const std::function<void()>& lane);

/// 0 .. count - 1 in an order that `seed` fixes.
std::vector<unsigned> shuffled(unsigned count, std::uint64_t seed);

}  // namespace cuda_on_cpu
