// SPDX-License-Identifier: MIT
#include "csrc/cuda/memory.hpp"

#include <mutex>
#include <utility>

namespace byzccl::cuda {
namespace {

struct Source {
  std::mutex mutex;
  std::shared_ptr<Memory> memory;
};

Source& source() {
  static auto* const the_source = new Source;  // never destroyed: threads may outlive main
  return *the_source;
}

}  // namespace

void set_memory(std::shared_ptr<Memory> memory) {
  const std::lock_guard lock(source().mutex);
  source().memory.swap(memory);
}

std::shared_ptr<Memory> memory_source() {
  const std::lock_guard lock(source().mutex);
  return source().memory;
}

}  // namespace byzccl::cuda
