// SPDX-License-Identifier: MIT
// A few consecutive tiles: what one thread takes at a time.

#pragma once

#include <cstdint>

#include "csrc/cpu/mix.hpp"

namespace byzccl::cpu {

struct Strip {
  const Mix* mixes = nullptr;      ///< [n] how the rows are formed; null: they are the vectors x
  const void* const* x = nullptr;  ///< n vectors, any alignment; null: zeros
  int n = 0;
  std::int64_t first_column = 0;
  std::int64_t columns = 0;
  std::int64_t tile = 0;  ///< columns of a tile; the last one of the strip may have fewer
};

}  // namespace byzccl::cpu
