// SPDX-License-Identifier: MIT
// A thread's asynchronous copies on the device double: a copy is made where the thread waits for
// it, as late as a GPU may make it.

#pragma once

#include <cstddef>
#include <source_location>

#include "cuda_on_cpu/lane.hpp"

inline void __pipeline_memcpy_async(void* to, const void* from, std::size_t bytes,
                                    std::size_t zeros = 0,
                                    std::source_location here = std::source_location::current()) {
  cuda_on_cpu::copy_later(to, from, bytes, zeros, here);
}

inline void __pipeline_commit() { cuda_on_cpu::end_copies(); }

inline void __pipeline_wait_prior(std::size_t behind) { cuda_on_cpu::make_copies(behind); }
