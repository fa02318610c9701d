// SPDX-License-Identifier: MIT
#include "csrc/cpu/digest.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include "csrc/cpu/loops.hpp"

namespace byzccl::cpu {
namespace {

// Columns that a thread takes at a time, in the nearest caches.
constexpr std::int64_t kItemColumns = 8192;

constexpr std::uint64_t kPrime = 0x9e3779b97f4a7c15u;

std::uint64_t stir(std::uint64_t state, std::uint64_t word) {
  const std::uint64_t mixed = (state ^ word) * kPrime;
  return mixed ^ mixed >> 32;
}

std::uint64_t digest_bytes(const std::byte* bytes, std::size_t count) {
  std::uint64_t state = count;
  for (std::size_t at = 0; at < count; at += sizeof state) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + at, std::min(sizeof word, count - at));
    state = stir(state, word);
  }
  return state;
}

template <class T>
bool all_finite(const std::byte* bytes, std::int64_t columns) {
  bool finite = true;
  for (std::int64_t column = 0; column < columns; ++column) {
    T value;
    std::memcpy(&value, bytes + static_cast<std::size_t>(column) * sizeof(T), sizeof(T));
    finite &= std::isfinite(widen(value));
  }
  return finite;
}

}  // namespace

Digest digest(const void* x, std::int64_t columns, DType dtype) {
  const std::int64_t items = (columns + kItemColumns - 1) / kItemColumns;
  std::vector<Digest> parts(static_cast<std::size_t>(items));
  with_dtype(dtype, [&]<class T>(Type<T>) {
    parallel(items, columns, [&](std::int64_t item) {
      const std::int64_t first = item * kItemColumns;
      const std::int64_t count = std::min(kItemColumns, columns - first);
      const std::byte* bytes =
          static_cast<const std::byte*>(x) + static_cast<std::size_t>(first) * sizeof(T);
      parts[static_cast<std::size_t>(item)] = {
          digest_bytes(bytes, static_cast<std::size_t>(count) * sizeof(T)),
          all_finite<T>(bytes, count)};
    });
  });
  Digest whole{static_cast<std::uint64_t>(columns), true};
  for (const Digest& part : parts) {
    whole.value = stir(whole.value, part.value);
    whole.finite = whole.finite && part.finite;
  }
  if (whole.value == 0) whole.value = 1;
  return whole;
}

}  // namespace byzccl::cpu
