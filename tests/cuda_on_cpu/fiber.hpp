// SPDX-License-Identifier: MIT
// A stack of its own that runs a function until it suspends itself. ASan is told of every switch.

#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <exception>
#include <functional>

namespace cuda_on_cpu {

class Fiber {
 public:
  static constexpr std::size_t kStackBytes = 128 << 10;

  /// Will call body() on the stack of kStackBytes bytes. Both outlive the fiber.
  void start(std::byte* stack, const std::function<void()>* body);
  /// Runs until suspend() or the end. @throws what body() threw
  void resume();
  /// Called on the fiber: back to who resumed it.
  void suspend();
  bool done() const { return done_; }

 private:
  static void entry();
  void run();

  std::byte* stack_ = nullptr;
  const std::function<void()>* body_ = nullptr;
  bool started_ = false;
  bool done_ = false;
  std::exception_ptr thrown_;
  ucontext_t here_;
  ucontext_t caller_;
  jmp_buf here_fast_;
  jmp_buf caller_fast_;
  void* fake_stack_ = nullptr;
  const void* caller_stack_ = nullptr;
  std::size_t caller_bytes_ = 0;
};

}  // namespace cuda_on_cpu
