// SPDX-License-Identifier: MIT
#include "benchmarks/vectors.hpp"

#include <bit>
#include <new>

#include "benchmarks/values.hpp"
#include "csrc/cpu/loops.hpp"

namespace byzccl::bench {
namespace {

constexpr std::align_val_t kAlignment{4096};

void fill(float* row, std::int64_t d, std::uint32_t seed, float shift) {
  for (std::int64_t c = 0; c < d; ++c) {
    row[c] = nearly_normal(seed + static_cast<std::uint32_t>(c)) + shift;
  }
}

// Cut, not rounded: any values will do.
void fill(BFloat16* row, std::int64_t d, std::uint32_t seed, float shift) {
  for (std::int64_t c = 0; c < d; ++c) {
    const float value = nearly_normal(seed + static_cast<std::uint32_t>(c)) + shift;
    row[c].bits = static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
  }
}

}  // namespace

void Vectors::Free::operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }

Vectors::Vectors(int n, std::int64_t d, DType dtype) {
  // Rows do not begin at the same place of a page, as those of one large allocation would not.
  const std::size_t row = (static_cast<std::size_t>(d) * size_of(dtype) + 63) / 64 * 64 + 64;
  const std::size_t rows = static_cast<std::size_t>(n) + 1;
  memory_.reset(static_cast<std::byte*>(::operator new(rows * row, kAlignment)));
  for (std::size_t i = 0; i + 1 < rows; ++i) rows_.push_back(memory_.get() + i * row);
  out_ = memory_.get() + (rows - 1) * row;
  cpu::parallel(n, static_cast<std::int64_t>(n) * d, [&](std::int64_t i) {
    std::byte* to = memory_.get() + static_cast<std::size_t>(i) * row;
    const std::uint32_t seed = seed_of(static_cast<int>(i));
    const float shift = shift_of(static_cast<int>(i));
    if (dtype == DType::kBFloat16) {
      fill(reinterpret_cast<BFloat16*>(to), d, seed, shift);
    } else {
      fill(reinterpret_cast<float*>(to), d, seed, shift);
    }
  });
}

}  // namespace byzccl::bench
