// SPDX-License-Identifier: MIT
// A queue with a thread that empties it. Knows no torch: the C++ tests run it under TSan.

#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace byzccl::torch {

/// Gives what is pushed to `take`, one after the other, on a thread of its own.
template <class Item>
class InOrder {
 public:
  /// Neither may throw.
  /// @param enter  what it returns on the thread is destroyed there, once all else is done
  explicit InOrder(std::function<void(Item)> take,
                   std::function<std::shared_ptr<void>()> enter = nullptr)
      : take_(std::move(take)), thread_([this, enter = std::move(enter)] {
          const std::shared_ptr<void> scope = enter ? enter() : nullptr;
          loop();
        }) {}
  /// Joins the thread, once all that was pushed is taken.
  ~InOrder() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  /// Does not wait. Any thread.
  void push(Item item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
    changed_.notify_all();
  }

 private:
  void loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || !items_.empty(); });
      if (items_.empty()) return;
      Item item = std::move(items_.front());
      items_.pop_front();
      lock.unlock();
      take_(std::move(item));
      lock.lock();
    }
  }

  const std::function<void(Item)> take_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool stopping_ = false;
  std::thread thread_;  // last: it starts when all else is there
};

}  // namespace byzccl::torch
