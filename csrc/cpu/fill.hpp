// SPDX-License-Identifier: MIT
// The output of a rule that failed closed.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstdint>

namespace byzccl::cpu {

/// out [columns] = NaN.
void fill_nan(std::int64_t columns, DType dtype, void* out);

}  // namespace byzccl::cpu
