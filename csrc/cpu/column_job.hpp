// SPDX-License-Identifier: MIT
// What every thread of one column combine reads.

#pragma once

#include <byzccl/rule.hpp>
#include <span>
#include <vector>

#include "csrc/cpu/mix.hpp"
#include "csrc/cpu/sorting_network.hpp"

namespace byzccl::cpu {

struct ColumnJob {
  Window window;
  std::vector<const void*> x;  ///< the rows, where they are vectors as they are
  std::span<const Mix> mixes;  ///< else how the rows are formed
  int size = 0;                ///< values that the network sorts; those above window.rows are +inf
  std::vector<Comparator> network;  ///< for sizes above 16
  void* out = nullptr;
};

}  // namespace byzccl::cpu
