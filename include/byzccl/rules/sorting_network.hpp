// SPDX-License-Identifier: MIT
// Comparator lists that sort n values: merge exchange (Batcher 1968; Knuth, The Art of Computer
// Programming, volume 3, 5.2.2, algorithm M), which takes any n.

#pragma once

#include <array>
#include <byzccl/rules/team.hpp>
#include <cstddef>
#include <cstdint>

namespace byzccl::rules {

/// Puts the smaller of two values at `low`, low < high.
struct Comparator {
  std::uint8_t low;
  std::uint8_t high;
};

/// Calls visit(low, high) for each comparator of the network for n values, in order.
template <class Visit>
BYZCCL_HD constexpr void visit_network(int n, Visit visit) {
  int top = 1;
  while (2 * top < n) top *= 2;
  for (int p = n > 1 ? top : 0; p > 0; p /= 2) {
    int q = top;
    int r = 0;
    for (int distance = p;;) {
      for (int i = 0; i + distance < n; ++i) {
        if ((i & p) == r) visit(i, i + distance);
      }
      if (q == p) break;
      distance = q - p;
      q /= 2;
      r = p;
    }
  }
}

constexpr std::size_t network_size(int n) {
  std::size_t size = 0;
  visit_network(n, [&](int, int) { ++size; });
  return size;
}

template <int n>
constexpr auto make_network() {
  std::array<Comparator, network_size(n)> list{};
  std::size_t at = 0;
  visit_network(n, [&](int low, int high) {
    list[at++] = {static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)};
  });
  return list;
}

template <int n>
inline constexpr auto kNetwork = make_network<n>();

}  // namespace byzccl::rules
