// SPDX-License-Identifier: MIT
#include "csrc/cpu/digest.hpp"

#include <algorithm>
#include <byzccl/rules/digest.hpp>
#include <byzccl/rules/exact.hpp>
#include <cstddef>
#include <cstring>
#include <vector>

#include "csrc/cpu/loops.hpp"

namespace byzccl::cpu {
namespace {

// Columns that a thread takes at a time, in the nearest caches; whole pairs of words.
constexpr std::int64_t kItemColumns = 8192;

constexpr std::size_t kPairBytes = rules::kDigestWords * sizeof(std::uint64_t);

template <class T>
constexpr std::size_t kPairColumns = kPairBytes / sizeof(T);

/// Of the pair of words that begins with word `index`: `count` elements, at most kPairColumns.
template <class T>
void add_pair(const std::byte* from, std::size_t count, std::uint64_t index,
              rules::DigestSums& sums) {
  T values[kPairColumns<T>] = {};
  std::memcpy(values, from, count * sizeof(T));
  std::uint64_t words[rules::kDigestWords];
  std::memcpy(words, values, kPairBytes);
  for (const std::uint64_t word : words) sums.words += rules::digest_term(word, index++);
  for (const T value : values) sums.odd += !rules::is_finite(widen(value));
}

/// Of `count` columns from column `first` on, the first one of a pair.
template <class T>
rules::DigestSums sums_of(const std::byte* x, std::size_t first, std::size_t count) {
  rules::DigestSums sums;
  const std::size_t whole = count / kPairColumns<T> * kPairColumns<T>;
  const auto add = [&](std::size_t at, std::size_t columns) {
    const std::size_t byte = (first + at) * sizeof(T);
    add_pair<T>(x + byte, columns, byte / sizeof(std::uint64_t), sums);
  };
  for (std::size_t at = 0; at < whole; at += kPairColumns<T>) add(at, kPairColumns<T>);
  if (whole < count) add(whole, count - whole);
  return sums;
}

}  // namespace

Digest digest(const void* x, std::int64_t columns, DType dtype) {
  const std::int64_t items = (columns + kItemColumns - 1) / kItemColumns;
  std::vector<rules::DigestSums> parts(static_cast<std::size_t>(items));
  with_dtype(dtype, [&]<class T>(Type<T>) {
    parallel(items, columns, [&](std::int64_t item) {
      const std::int64_t first = item * kItemColumns;
      const std::int64_t count = std::min(kItemColumns, columns - first);
      parts[static_cast<std::size_t>(item)] =
          sums_of<T>(static_cast<const std::byte*>(x), static_cast<std::size_t>(first),
                     static_cast<std::size_t>(count));
    });
  });
  rules::DigestSums whole;
  for (const rules::DigestSums& part : parts) {
    whole.words += part.words;
    whole.odd += part.odd;
  }
  return {rules::digest_value(whole, columns), whole.odd == 0};
}

}  // namespace byzccl::cpu
