// SPDX-License-Identifier: MIT
#include "csrc/cpu/memory_pool.hpp"

#include <algorithm>
#include <iterator>
#include <new>

namespace byzccl::cpu {
namespace {

void* take_new(std::size_t bytes) {
  return ::operator new(bytes, std::align_val_t{MemoryPool::kAlignment});
}

void release(void* block) noexcept {
  ::operator delete(block, std::align_val_t{MemoryPool::kAlignment});
}

}  // namespace

MemoryPool::~MemoryPool() {
  for (const auto& [bytes, block] : idle_) release(block);
}

std::shared_ptr<void> MemoryPool::allocate(std::size_t bytes) {
  if (bytes < kLeastKept) return {take_new(bytes), release};
  void* block = nullptr;
  {
    const std::lock_guard lock(mutex_);
    const auto fit = idle_.lower_bound(bytes);
    if (fit != idle_.end() && fit->first / 2 <= bytes) {
      bytes = fit->first;
      block = fit->second;
      idle_bytes_ -= bytes;
      idle_.erase(fit);
    }
    used_bytes_ += bytes;
    most_used_ = std::max(most_used_, used_bytes_);
    if (block == nullptr) drop_idle(2 * most_used_ - used_bytes_);
  }
  try {
    if (block == nullptr) block = take_new(bytes);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    used_bytes_ -= bytes;
    throw;
  }
  return {block, [pool = shared_from_this(), bytes](void* p) { pool->give_back(p, bytes); }};
}

std::size_t MemoryPool::kept() {
  const std::lock_guard lock(mutex_);
  return idle_bytes_;
}

void MemoryPool::give_back(void* block, std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  used_bytes_ -= bytes;
  try {
    idle_.emplace(bytes, block);
    idle_bytes_ += bytes;
  } catch (const std::bad_alloc&) {
    release(block);
  }
}

/// The largest go first: they are the least likely to fit.
void MemoryPool::drop_idle(std::size_t most) {
  while (idle_bytes_ > most) {
    const auto largest = std::prev(idle_.end());
    idle_bytes_ -= largest->first;
    release(largest->second);
    idle_.erase(largest);
  }
}

}  // namespace byzccl::cpu
