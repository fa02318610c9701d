// SPDX-License-Identifier: MIT
// The combiner of one row of W on the CPU.

#pragma once

#include <cstdint>

#include "csrc/cpu/mix.hpp"

namespace byzccl::cpu {

/// out [columns] = the mix of vectors of `dtype`, in float32 (float64 for float64), vectors in rank
/// order: a plain sum and one division, or an fma a vector with the weight rounded to float32
/// (float64); then rounded once to `dtype`. One vector of weight 1 is copied bit for bit. A null
/// vector gives zeros.
///
/// @param mix  not empty
/// @param out  may be one of the vectors; otherwise it overlaps none
void weighted_sum(const Mix& mix, std::int64_t columns, DType dtype, void* out);

}  // namespace byzccl::cpu
