// SPDX-License-Identifier: MIT
#include "cuda_on_cpu/block.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>

#include "cuda_on_cpu/lane.hpp"

namespace cuda_on_cpu {
namespace {

// Where an array in shared memory that is read before it is written shows.
constexpr int kGarbage = 0xcd;

// The limits of every GPU since compute capability 8.0. Above 48 KiB of shared memory a kernel has
// to ask first, which none of ours does.
constexpr unsigned kMostThreads = 1024;
constexpr std::size_t kMostShared = 48 << 10;

thread_local Block* current = nullptr;

}  // namespace

Device& device() {
  static auto& the_device = *new Device;  // never destroyed: streams outlive main
  return the_device;
}

Block::Block(const GridShape& shape, uint3 index)
    : shape_(shape),
      index_(index),
      shared_(new std::byte[shape.shared_bytes + 16]),
      copies_(shape.threads.x, LaneCopies(1)) {
  std::memset(shared_.get(), kGarbage, shape.shared_bytes + 16);
}

void* Block::shared_memory(std::size_t bytes) {
  if (bytes > shape_.shared_bytes) {
    throw DeviceError(name() + " uses " + std::to_string(bytes) + " bytes of shared memory, " +
                      std::to_string(shape_.shared_bytes) + " were asked for");
  }
  void* at = shared_.get();
  std::size_t room = shape_.shared_bytes + 16;
  return std::align(16, shape_.shared_bytes, at, room);
}

unsigned Block::warp_size(unsigned warp) const { return std::min(kWarp, size() - warp * kWarp); }

std::string Block::name() const { return "block " + std::to_string(index_.x); }

void Block::enter(unsigned lane) {
  current = this;
  threadIdx = {lane, 0, 0};
  blockIdx = index_;
  blockDim = shape_.threads;
  gridDim = shape_.blocks;
}

void block_barrier(std::source_location here) { current->barrier(here); }

void shuffle_xor(unsigned mask, int lane_mask, const void* value, void* result, std::size_t bytes,
                 std::source_location here) {
  if (mask != ~0u || current->warp_size(threadIdx.x / kWarp) != kWarp) {
    throw DeviceError("a shuffle at " + to_text(here) + " leaves lanes of its warp out");
  }
  current->shuffle(lane_mask, value, result, bytes, here);
}

void copy_later(void* to, const void* from, std::size_t bytes, std::size_t zeros,
                std::source_location here) {
  const std::uintptr_t both =
      reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from);
  if ((bytes != 4 && bytes != 8 && bytes != 16) || zeros > bytes || both % bytes != 0) {
    throw DeviceError("an asynchronous copy at " + to_text(here) + " of " + std::to_string(bytes) +
                      " bytes that are not aligned to as many");
  }
  current->copies(threadIdx.x).back().push_back({to, from, bytes, zeros});
}

void end_copies() { current->copies(threadIdx.x).emplace_back(); }

void make_copies(std::size_t behind) {
  LaneCopies& batches = current->copies(threadIdx.x);
  // The batch that has not ended is none of those that are waited for.
  for (; batches.size() > behind + 1; batches.pop_front()) {
    for (const Copy& copy : batches.front()) {
      std::memcpy(copy.to, copy.from, copy.bytes - copy.zeros);
      std::memset(static_cast<std::byte*>(copy.to) + copy.bytes - copy.zeros, 0, copy.zeros);
    }
  }
}

void back_off() { current->back_off(); }

void* shared_memory(std::size_t bytes) { return current->shared_memory(bytes); }

std::vector<unsigned> shuffled(unsigned count, std::uint64_t seed) {
  std::vector<unsigned> order(count);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(seed));
  return order;
}

void run_grid(const GridShape& shape, const std::function<void()>& lane) {
  const bool flat =
      shape.blocks.y == 1 && shape.blocks.z == 1 && shape.threads.y == 1 && shape.threads.z == 1;
  if (!flat || shape.blocks.x == 0 || shape.threads.x == 0 || shape.threads.x > kMostThreads ||
      shape.shared_bytes > kMostShared) {
    throw DeviceError("a grid of " + std::to_string(shape.blocks.x) + " blocks of " +
                      std::to_string(shape.threads.x) + " threads and " +
                      std::to_string(shape.shared_bytes) + " bytes breaks a limit");
  }
  (device().os_threads ? run_os_threads : run_fibers)(shape, lane);
}

}  // namespace cuda_on_cpu
