// SPDX-License-Identifier: MIT
// Every lane a thread of the operating system, for TSan: a missing barrier is a race that it sees.
// Shuffles pass values by relaxed atomics and fences. The fences order them on every processor, and
// TSan, which does not know fences, takes no order from them: as on a GPU, where a shuffle orders
// no other memory.

#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "cuda_on_cpu/block.hpp"
#include "cuda_on_cpu/lane.hpp"

namespace cuda_on_cpu {
namespace {

using Clock = std::chrono::steady_clock;

class ThreadBlock final : public Block {
 public:
  ThreadBlock(const GridShape& shape, uint3 index) : Block(shape, index), warps_(warps()) {}

  void run(const std::function<void()>& body) {
    std::vector<std::jthread> lanes;
    for (unsigned i = 0; i < size(); ++i) {
      lanes.emplace_back([this, i, &body] {
        enter(i);
        try {
          body();
        } catch (...) {
          const std::lock_guard lock(mutex_);
          if (!thrown_) thrown_ = std::current_exception();
          failed_.store(true, std::memory_order_relaxed);
          released_.notify_all();
        }
      });
    }
    lanes.clear();
    if (thrown_) std::rethrow_exception(thrown_);
  }

  void barrier(std::source_location here) override {
    if (is_dropped(here)) return;
    std::unique_lock lock(mutex_);
    const unsigned epoch = epoch_;
    if (++arrived_ == size()) {
      arrived_ = 0;
      ++epoch_;
      released_.notify_all();
      return;
    }
    const bool in_time = released_.wait_for(lock, device().patience, [&] {
      return epoch_ != epoch || failed_.load(std::memory_order_relaxed);
    });
    if (!in_time || epoch_ == epoch) give_up(here);
  }

  void shuffle(int lane_mask, const void* value, void* result, std::size_t bytes,
               std::source_location here) override {
    Warp& warp = warps_[threadIdx.x / kWarp];
    const unsigned lane = threadIdx.x % kWarp;
    // Two sets of slots: nobody is two shuffles ahead of anybody.
    const unsigned turn = warp.turns[lane]++;
    std::uint64_t word = 0;
    std::memcpy(&word, value, bytes);
    warp.slots[turn % 2][lane].store(word, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    warp.arrived.fetch_add(1, std::memory_order_relaxed);
    const unsigned wanted = (turn + 1) * kWarp;
    const auto since = Clock::now();
    while (warp.arrived.load(std::memory_order_relaxed) < wanted) {
      if (failed_.load(std::memory_order_relaxed) || Clock::now() - since > device().patience) {
        give_up(here);
      }
      sched_yield();
    }
    std::atomic_thread_fence(std::memory_order_acquire);
    word = warp.slots[turn % 2][lane ^ static_cast<unsigned>(lane_mask)].load(
        std::memory_order_relaxed);
    std::memcpy(result, &word, bytes);
  }

  void back_off() override {
    if (failed_.load(std::memory_order_relaxed))
      throw DeviceError(name() + ": another lane failed");
    if (Clock::now() - since_ > device().patience)
      throw DeviceError(name() + ": a lane spins for something that nobody does");
    sched_yield();
  }

 private:
  struct Warp {
    std::atomic<std::uint64_t> slots[2][kWarp] = {};
    std::atomic<unsigned> arrived{0};
    unsigned turns[kWarp] = {};
  };

  [[noreturn]] void give_up(std::source_location here) const {
    throw DeviceError(name() + ": some lane does not reach " + to_text(here));
  }

  const Clock::time_point since_ = Clock::now();
  std::deque<Warp> warps_;
  std::mutex mutex_;
  std::condition_variable released_;
  unsigned arrived_ = 0;
  unsigned epoch_ = 0;
  std::atomic<bool> failed_{false};
  std::exception_ptr thrown_;
};

}  // namespace

void run_os_threads(const GridShape& shape, const std::function<void()>& lane) {
  const std::vector<unsigned> order = shuffled(shape.blocks.x, device().seed);
  std::atomic<unsigned> next{0};
  std::mutex mutex;
  std::exception_ptr thrown;
  {
    std::vector<std::jthread> workers;
    for (unsigned w = 0; w < std::min(device().resident, shape.blocks.x); ++w) {
      workers.emplace_back([&] {
        // Relaxed: blocks are not ordered among each other.
        for (unsigned i; (i = next.fetch_add(1, std::memory_order_relaxed)) < shape.blocks.x;) {
          try {
            ThreadBlock(shape, uint3{order[i], 0, 0}).run(lane);
          } catch (...) {
            const std::lock_guard lock(mutex);
            if (!thrown) thrown = std::current_exception();
          }
        }
      });
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace cuda_on_cpu
