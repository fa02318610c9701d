// SPDX-License-Identifier: MIT
// Vectors of gigabytes that take megabytes of memory. Linux only.

#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "support/catch.hpp"

namespace byzccl::test {

/// `bytes` bytes of zeros. What is written costs memory, what is read does not.
class ZeroPages {
 public:
  explicit ZeroPages(std::size_t bytes) : bytes_(bytes) {
    data_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    REQUIRE(data_ != MAP_FAILED);
    madvise(data_, bytes, MADV_HUGEPAGE);  // fewer faults; where it is refused nothing is lost
  }
  ~ZeroPages() { munmap(data_, bytes_); }
  ZeroPages(const ZeroPages&) = delete;
  ZeroPages& operator=(const ZeroPages&) = delete;
  void* data() { return data_; }

  /// Lays the same kAlias bytes under every aligned stretch of kAlias bytes but the first, the last
  /// and those around the middle: writes there cost no memory, and nobody may read them back.
  void alias() {
    const int file = memfd_create("alias", 0);
    REQUIRE(file >= 0);
    REQUIRE(ftruncate(file, kAlias) == 0);
    const std::size_t stretches = bytes_ / kAlias;
    for (std::size_t k = 1; k + 1 < stretches; ++k) {
      if (k + 1 == stretches / 2 || k == stretches / 2) continue;
      void* at = static_cast<char*>(data_) + k * kAlias;
      REQUIRE(mmap(at, kAlias, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == at);
    }
    close(file);
  }

 private:
  static constexpr std::size_t kAlias = std::size_t{32} << 20;
  std::size_t bytes_;
  void* data_;
};

}  // namespace byzccl::test
