// SPDX-License-Identifier: MIT
#include "csrc/cpu/loops.hpp"

#include <algorithm>
#include <atomic>
#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <charconv>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>
#include <vector>

#include "csrc/cpu/float_mode.hpp"

namespace byzccl {
namespace {

// Reading so many elements takes several times as long as starting a thread.
constexpr std::int64_t kElementsPerThread = std::int64_t{1} << 18;

int initial_threads() {
  const char* text = std::getenv("BYZCCL_NUM_THREADS");
  if (text == nullptr) return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  const std::string_view view(text);
  int count = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), count);
  BYZCCL_CHECK(error == std::errc{} && end == view.data() + view.size() && count >= 1,
               "BYZCCL_NUM_THREADS must be an integer of at least 1, got \"", view, "\"");
  return count;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count{initial_threads()};
  return count;
}

// The items of one loop, shared by its threads.
class Items {
 public:
  Items(std::int64_t count, const std::function<void(std::int64_t)>& work)
      : count_(count), work_(work) {}

  void run() noexcept {
    const cpu::FloatMode mode;
    try {
      for (;;) {
        const std::int64_t item = next_.fetch_add(1, std::memory_order_relaxed);
        if (item >= count_) return;
        work_(item);
      }
    } catch (...) {
      next_.store(count_, std::memory_order_relaxed);
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const std::int64_t count_;
  const std::function<void(std::int64_t)>& work_;
  std::atomic<std::int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void set_threads(int count) {
  BYZCCL_CHECK(count >= 1, "set_threads needs count >= 1, got count = ", count);
  thread_count().store(count, std::memory_order_relaxed);
}

int threads() { return thread_count().load(std::memory_order_relaxed); }

namespace cpu {

void parallel(std::int64_t items, std::int64_t elements,
              const std::function<void(std::int64_t item)>& work) {
  const std::int64_t useful = std::min(items, elements / kElementsPerThread + 1);
  Items shared(items, work);
  {
    std::vector<std::jthread> others;
    for (std::int64_t i = 1; i < std::min<std::int64_t>(threads(), useful); ++i) {
      try {
        others.emplace_back([&shared] { shared.run(); });
      } catch (const std::system_error&) {
        break;  // the system has no more threads: those that there are do the work
      }
    }
    shared.run();
  }
  shared.rethrow();
}

}  // namespace cpu
}  // namespace byzccl
