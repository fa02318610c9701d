// SPDX-License-Identifier: MIT
// The vectors that benchmarks work on.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace byzccl::bench {

/// n vectors of d nearly normal values (mean 0, variance 1), the same in every run. Every eighth is
/// Byzantine: its values lie 3 higher.
class Vectors {
 public:
  Vectors(int n, std::int64_t d, DType dtype);

  std::span<const void* const> first(int n) const { return std::span(rows_).first(n); }
  void* out() const { return out_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::vector<const void*> rows_;
  void* out_ = nullptr;
};

}  // namespace byzccl::bench
