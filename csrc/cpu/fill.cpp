// SPDX-License-Identifier: MIT
#include "csrc/cpu/fill.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <limits>

#include "csrc/cpu/loops.hpp"

namespace byzccl::cpu {

void fill_nan(std::int64_t columns, DType dtype, void* out) {
  constexpr std::int64_t kItemColumns = 16384;
  with_dtype(dtype, [&]<class T>(Type<T>) {
    const T nan = narrow<T>(std::numeric_limits<Compute<T>>::quiet_NaN());
    parallel((columns + kItemColumns - 1) / kItemColumns, columns, [&](std::int64_t item) {
      const std::int64_t end = std::min((item + 1) * kItemColumns, columns);
      for (std::int64_t column = item * kItemColumns; column < end; ++column) {
        std::memcpy(static_cast<char*>(out) + column * sizeof(T), &nan, sizeof(T));
      }
    });
  });
}

}  // namespace byzccl::cpu
