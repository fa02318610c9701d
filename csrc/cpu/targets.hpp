// SPDX-License-Identifier: MIT
// The instruction sets that the kernels are built for. Included before Highway, once a file.

#pragma once

// Left: AVX-512 (and its Zen 4 form where Highway knows one), AVX2, SSE4, NEON and the baseline.
// Scalable vectors are out: the kernels keep vectors in arrays.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
