// SPDX-License-Identifier: MIT
// n vectors of any dtype and alignment, each in memory of exactly its size.

#pragma once

#include <byzccl/dtype.hpp>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

namespace byzccl::test {

/// One vector [d] that starts `offset` bytes after an aligned address.
class Row {
 public:
  Row(std::int64_t d, DType dtype, std::size_t offset = 0)
      : dtype_(dtype),
        offset_(offset),
        bytes_(static_cast<std::size_t>(d) * size_of(dtype)),
        memory_(new std::byte[bytes_ + offset]()) {}

  void* data() { return memory_.get() + offset_; }
  const void* data() const { return memory_.get() + offset_; }
  std::size_t bytes() const { return bytes_; }
  std::size_t offset() const { return offset_; }

  double at(std::int64_t i) const {
    return with_dtype(dtype_, [&]<class T>(Type<T>) {
      T x;
      std::memcpy(&x, memory_.get() + offset_ + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
      return static_cast<double>(widen(x));
    });
  }

  /// Rounds x to the dtype.
  void set(std::int64_t i, double x) {
    with_dtype(dtype_, [&]<class T>(Type<T>) {
      const T value = narrow<T>(static_cast<Compute<T>>(x));
      std::memcpy(memory_.get() + offset_ + static_cast<std::size_t>(i) * sizeof(T), &value,
                  sizeof(T));
    });
  }

  bool same_bits(const Row& other) const {
    return bytes_ == other.bytes_ &&
           (bytes_ == 0 || std::memcmp(data(), other.data(), bytes_) == 0);
  }

 private:
  DType dtype_;
  std::size_t offset_;
  std::size_t bytes_;
  std::unique_ptr<std::byte[]> memory_;
};

/// A small generator: the same values everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }
  /// In [-1, 1).
  double uniform() { return std::ldexp(static_cast<double>(next() >> 11), -52) - 1.0; }

 private:
  std::uint64_t state_;
};

/// @param offset  vector i starts (i + 1) * offset bytes after an aligned address, modulo 64
inline std::vector<Row> make_stack(int n, std::int64_t d, DType dtype,
                                   const std::function<double(int, std::int64_t)>& value,
                                   std::size_t offset = 0) {
  std::vector<Row> rows;
  for (int i = 0; i < n; ++i) {
    rows.emplace_back(d, dtype, (static_cast<std::size_t>(i) + 1) * offset % 64);
    for (std::int64_t column = 0; column < d; ++column) rows.back().set(column, value(i, column));
  }
  return rows;
}

inline std::vector<Row> random_stack(int n, std::int64_t d, DType dtype, std::uint64_t seed = 1,
                                     std::size_t offset = 0) {
  Random random(seed);
  return make_stack(n, d, dtype, [&](int, std::int64_t) { return random.uniform(); }, offset);
}

inline std::vector<const void*> pointers(const std::vector<Row>& rows) {
  std::vector<const void*> x;
  for (const Row& row : rows) x.push_back(row.data());
  return x;
}

inline constexpr DType kEveryDType[] = {DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                                        DType::kFloat64};

}  // namespace byzccl::test
