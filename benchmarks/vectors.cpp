// SPDX-License-Identifier: MIT
#include "benchmarks/vectors.hpp"

#include <bit>
#include <new>

#include "csrc/cpu/loops.hpp"

namespace byzccl::bench {
namespace {

constexpr std::align_val_t kAlignment{4096};

// The sum of four uniform bytes: mean 510, variance 4 (256^2 - 1) / 12 = 147.8^2.
float nearly_normal(std::uint32_t at) {
  std::uint32_t z = at * 0x9e3779b9u;
  z = (z ^ (z >> 16)) * 0x21f0aaadu;
  z = (z ^ (z >> 15)) * 0x735a2d97u;
  z ^= z >> 15;
  const std::uint32_t sum = (z & 255) + (z >> 8 & 255) + (z >> 16 & 255) + (z >> 24);
  return (static_cast<float>(sum) - 510.0f) / 147.8f;
}

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
    const std::uint32_t seed = static_cast<std::uint32_t>(i) * 0x2545f491u;
    const float shift = i % 8 == 7 ? 3.0f : 0.0f;
    if (dtype == DType::kBFloat16) {
      fill(reinterpret_cast<BFloat16*>(to), d, seed, shift);
    } else {
      fill(reinterpret_cast<float*>(to), d, seed, shift);
    }
  });
}

}  // namespace byzccl::bench
