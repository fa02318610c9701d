// SPDX-License-Identifier: MIT
#include "slots.hpp"

#include <sys/mman.h>

#include <new>

namespace byzccl::torch {
namespace {

/// Given back beyond these, a slot's pages go to the system.
constexpr std::size_t kMostFree = 64;

}  // namespace

Slots::~Slots() {
  for (std::byte* const memory : free_) munmap(memory, bytes_);
}

Slots::Slot Slots::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      std::byte* const memory = free_.back();
      free_.pop_back();
      return Slot(memory, GiveBack(shared_from_this()));
    }
    free_.reserve(kMostFree);  // so that giving back cannot fail
  }
  void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // A short message is to cost a page, not a huge one.
  madvise(memory, bytes_, MADV_NOHUGEPAGE);
  return Slot(static_cast<std::byte*>(memory), GiveBack(shared_from_this()));
}

void Slots::give_back(std::byte* memory) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kMostFree) {
      free_.push_back(memory);
      return;
    }
  }
  munmap(memory, bytes_);
}

}  // namespace byzccl::torch
