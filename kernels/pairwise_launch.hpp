// SPDX-License-Identifier: MIT
// The first stage of the distance passes for one element type. Each type is compiled by itself.

#pragma once

#include <cuda_runtime_api.h>

#include "kernels/launch.hpp"
#include "kernels/strips.hpp"

namespace byzccl::kernels {

/// partials [strips, pairs]. At least 2 rows and 1 strip.
template <class T>
void launch_pairs(const Vectors& rows, const Strips& strips, double* partials, cudaStream_t stream);

/// partials [strips, rows]
template <class T>
void launch_norms(const Vectors& rows, const Strips& strips, double* partials, cudaStream_t stream);

}  // namespace byzccl::kernels
