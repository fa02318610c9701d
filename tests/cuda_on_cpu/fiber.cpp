// SPDX-License-Identifier: MIT
// swapcontext() saves the signal mask by a system call, some microseconds of a switch. So it only
// enters a new stack; after that _setjmp and _longjmp switch. ASan knows its own way of longjmp,
// which is not ours: under it swapcontext does every switch.

#undef _FORTIFY_SOURCE  // its longjmp refuses another stack

#include "cuda_on_cpu/fiber.hpp"

#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace cuda_on_cpu {
namespace {

thread_local Fiber* entering = nullptr;

}  // namespace

void Fiber::start(std::byte* stack, const std::function<void()>* body) {
  *this = {};
  stack_ = stack;
  body_ = body;
  getcontext(&here_);
  here_.uc_stack.ss_sp = stack;
  here_.uc_stack.ss_size = kStackBytes;
  here_.uc_link = nullptr;
  makecontext(&here_, &Fiber::entry, 0);
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack, kStackBytes);  // of a fiber that never came to its end
#endif
}

void Fiber::entry() { entering->run(); }

#if defined(__SANITIZE_ADDRESS__)

void Fiber::run() {
  __sanitizer_finish_switch_fiber(nullptr, &caller_stack_, &caller_bytes_);
  try {
    (*body_)();
  } catch (...) {
    thrown_ = std::current_exception();
  }
  done_ = true;
  __sanitizer_start_switch_fiber(nullptr, caller_stack_, caller_bytes_);
  setcontext(&caller_);
}

void Fiber::resume() {
  entering = this;
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, stack_, kStackBytes);
  swapcontext(&caller_, &here_);
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Fiber::suspend() {
  __sanitizer_start_switch_fiber(&fake_stack_, caller_stack_, caller_bytes_);
  swapcontext(&here_, &caller_);
  __sanitizer_finish_switch_fiber(fake_stack_, &caller_stack_, &caller_bytes_);
}

#else

void Fiber::run() {
  try {
    (*body_)();
  } catch (...) {
    thrown_ = std::current_exception();
  }
  done_ = true;
  _longjmp(caller_fast_, 1);
}

void Fiber::resume() {
  if (_setjmp(caller_fast_) == 0) {
    if (started_) _longjmp(here_fast_, 1);
    started_ = true;
    entering = this;
    setcontext(&here_);
  }
  if (thrown_) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Fiber::suspend() {
  if (_setjmp(here_fast_) == 0) _longjmp(caller_fast_, 1);
}

#endif

}  // namespace cuda_on_cpu
