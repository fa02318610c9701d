// SPDX-License-Identifier: MIT
// Blocks are used again, never by two at once, and never many more of them than were needed at
// once.

#include "csrc/cpu/memory_pool.hpp"

#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace byzccl::cpu {
namespace {

constexpr std::size_t kBlock = MemoryPool::kLeastKept;

TEST_CASE("a block that was given back is handed out again") {
  const auto pool = MemoryPool::make();
  std::shared_ptr<void> first = pool->allocate(kBlock);
  std::shared_ptr<void> second = pool->allocate(kBlock);
  CHECK(first != second);
  CHECK(reinterpret_cast<std::uintptr_t>(first.get()) % MemoryPool::kAlignment == 0);
  const void* const was = first.get();
  first.reset();
  CHECK(pool->allocate(kBlock).get() == was);
  CHECK(pool->allocate(kBlock - kBlock / 4 + 1).get() != second.get());
}

TEST_CASE("there is never more than twice what was in use at once") {
  const auto pool = MemoryPool::make();
  for (std::size_t size = kBlock; size <= 64 * kBlock; size += kBlock) {
    pool->allocate(size);
    CHECK(pool->kept() >= size);
    CHECK(pool->kept() <= 2 * size);
  }
  const std::size_t before = pool->kept();
  for (int i = 0; i < 3; ++i) pool->allocate(64 * kBlock);
  CHECK(pool->kept() == before);
}

TEST_CASE("a block may outlive its pool's owner") {
  auto pool = MemoryPool::make();
  const std::shared_ptr<void> block = pool->allocate(2 * kBlock);
  pool.reset();
  std::memset(block.get(), 1, 2 * kBlock);
}

TEST_CASE("threads never share a block") {
  const auto pool = MemoryPool::make();
  std::vector<int> clashes(4);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 200; ++i) {
          const std::shared_ptr<void> block = pool->allocate(kBlock << (i % 3));
          int* const word = static_cast<int*>(block.get());
          *word = t;
          std::this_thread::yield();
          if (*word != t) ++clashes[static_cast<std::size_t>(t)];
        }
      });
    }
  }
  CHECK(clashes == std::vector<int>(4));
}

}  // namespace
}  // namespace byzccl::cpu
