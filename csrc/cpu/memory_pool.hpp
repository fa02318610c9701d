// SPDX-License-Identifier: MIT
// Large blocks that are used again: fresh pages cost more than sending what they hold.

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace byzccl::cpu {

/// Hands out memory and takes it back. It never has more than twice what was in use at once at some
/// time; steps that are alike need it once. From any thread.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  static constexpr std::size_t kAlignment = 64;
  /// Smaller blocks are left to the system's allocator.
  static constexpr std::size_t kLeastKept = std::size_t{1} << 18;

  static std::shared_ptr<MemoryPool> make() {
    return std::shared_ptr<MemoryPool>(new MemoryPool());
  }
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;

  /// At least `bytes`, aligned to 64, of any content. The last owner gives it back, also after the
  /// pool's own owner is gone.
  std::shared_ptr<void> allocate(std::size_t bytes);

  /// Bytes that lie idle.
  std::size_t kept();

 private:
  MemoryPool() = default;
  void give_back(void* block, std::size_t bytes) noexcept;
  void drop_idle(std::size_t most);

  std::mutex mutex_;
  std::multimap<std::size_t, void*> idle_;  // by size
  std::size_t idle_bytes_ = 0;
  std::size_t used_bytes_ = 0;
  std::size_t most_used_ = 0;
};

}  // namespace byzccl::cpu
