// SPDX-License-Identifier: MIT
// The floating-point mode that every result is defined in: round to nearest, denormals count, no
// traps.

#pragma once

#include <cstdint>
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace byzccl::cpu {

/// Sets this thread's mode and restores what the caller had. PyTorch's set_flush_denormal, and
/// libraries built with fast-math, turn denormals off for the whole process.
class FloatMode {
 public:
#if defined(__x86_64__) || defined(_M_X64)
  FloatMode() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatMode() { _mm_setcsr(saved_); }
#elif defined(__aarch64__)
  FloatMode() {
    asm volatile("mrs %0, fpcr" : "=r"(saved_));
    asm volatile("msr fpcr, %0" : : "r"(std::uint64_t{0}));
  }
  ~FloatMode() { asm volatile("msr fpcr, %0" : : "r"(saved_)); }
#else
#error "FloatMode knows x86-64 and AArch64"
#endif
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
#if defined(__aarch64__)
  std::uint64_t saved_ = 0;
#else
  std::uint32_t saved_;
#endif
};

}  // namespace byzccl::cpu
