// SPDX-License-Identifier: MIT
// What every thread of one column combine reads.

#pragma once

#include <byzccl/rule.hpp>
#include <byzccl/rules/sorting_network.hpp>
#include <span>
#include <vector>

#include "csrc/cpu/mix.hpp"

namespace byzccl::cpu {

struct ColumnJob {
  Window window;
  std::vector<const void*> x;  ///< the rows, where they are vectors as they are
  std::span<const Mix> mixes;  ///< else how the rows are formed
  int size = 0;                ///< values that the network sorts; those above window.rows are +inf
  std::vector<rules::Comparator> network;  ///< for sizes above 16
  void* out = nullptr;
};

}  // namespace byzccl::cpu
