// SPDX-License-Identifier: MIT
#include "benchmarks/all_reduce_perf/vectors.hpp"

#include <byzccl/aggregate.hpp>
#include <byzccl/attack.hpp>
#include <byzccl/rule.hpp>
#include <cstring>

namespace byzccl::bench {
namespace {

/// The finalizer of MurmurHash3.
std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ z >> 33) * 0xff51afd7ed558ccdu;
  z = (z ^ z >> 33) * 0xc4ceb9fe1a85ec53u;
  return z ^ z >> 33;
}

/// In [-8, 8]: ranks share the larger part.
int value_of(int rank, std::int64_t c) {
  const auto column = static_cast<std::uint64_t>(c);
  const int common = static_cast<int>(mixed(column) % 13) - 6;
  return common + static_cast<int>(mixed(column * 257 + static_cast<std::uint64_t>(rank)) % 5) - 2;
}

std::vector<const void*> pointers(const std::vector<Vector>& x) {
  std::vector<const void*> rows;
  for (const Vector& vector : x) rows.push_back(vector.data());
  return rows;
}

}  // namespace

std::vector<Vector> make_vectors(const Options& options, std::int64_t d) {
  const std::size_t bytes = static_cast<std::size_t>(d) * size_of(options.dtype);
  const int honest = options.ranks() - options.byzantine;
  std::vector<Vector> x;
  for (int rank = 0; rank < honest; ++rank) {
    Vector& vector = x.emplace_back(bytes);
    with_dtype(options.dtype, [&](auto type) {
      using T = typename decltype(type)::type;
      T* const to = reinterpret_cast<T*>(vector.data());
      for (std::int64_t c = 0; c < d; ++c)
        to[c] = narrow<T>(static_cast<Compute<T>>(value_of(rank, c)));
    });
  }
  const std::vector<const void*> rows = pointers(x);
  const Attack attack = Attack::parse(options.attack);
  for (int rank = honest; rank < options.ranks(); ++rank) {
    Vector& vector = x.emplace_back(bytes);
    craft(attack, rows, d, options.dtype,
          {.n = options.ranks(), .f = options.byzantine, .rank = rank}, vector.data());
  }
  return x;
}

Vector aggregate_on_host(const Options& options, const std::vector<Vector>& x, std::int64_t d) {
  Vector out(static_cast<std::size_t>(d) * size_of(options.dtype));
  aggregate(pointers(x), d, options.dtype, Rule::parse(options.rule), out.data());
  return out;
}

long long count_wrong(const Vector& got, const Vector& expected, DType dtype) {
  const std::size_t element = size_of(dtype);
  long long wrong = 0;
  for (std::size_t at = 0; at < got.size(); at += element) {
    wrong += std::memcmp(got.data() + at, expected.data() + at, element) != 0;
  }
  return wrong;
}

}  // namespace byzccl::bench
