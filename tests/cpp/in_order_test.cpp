// SPDX-License-Identifier: MIT
// The queue on whose thread a Reducer's steps are completed.

#include "torch_ext/csrc/in_order.hpp"

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace {

using byzccl::torch::InOrder;

TEST_CASE("what one thread pushes is taken in its order, on one other thread, before the end") {
  constexpr int kThreads = 4;
  constexpr int kItems = 500;
  struct Item {
    int thread;
    std::unique_ptr<int> number;
  };
  std::vector<std::vector<int>> taken(kThreads);  // no lock: one thread takes
  std::vector<std::thread::id> takers;
  {
    InOrder<Item> queue([&](Item item) {
      taken[static_cast<std::size_t>(item.thread)].push_back(*item.number);
      takers.push_back(std::this_thread::get_id());
    });
    byzccl::test::run(kThreads, [&](int thread) {
      for (int i = 0; i < kItems; ++i) queue.push({thread, std::make_unique<int>(i)});
    });
  }
  for (const std::vector<int>& numbers : taken) {
    REQUIRE(numbers.size() == kItems);
    for (int i = 0; i < kItems; ++i) CHECK(numbers[static_cast<std::size_t>(i)] == i);
  }
  for (const std::thread::id taker : takers) {
    CHECK(taker == takers[0]);
    CHECK(taker != std::this_thread::get_id());
  }
}

TEST_CASE("a push from within what is taken is taken as well") {
  std::vector<int> taken;
  {
    InOrder<int>* queue = nullptr;
    InOrder<int> own([&](int left) {
      taken.push_back(left);
      if (left > 0) queue->push(left - 1);
    });
    queue = &own;
    own.push(3);
  }
  CHECK(taken == std::vector<int>{3, 2, 1, 0});
}

TEST_CASE("what the thread enters with lives until all is taken, and ends on the thread") {
  std::vector<char> order;
  std::thread::id entered;
  std::thread::id left;
  {
    InOrder<char> queue([&](char item) { order.push_back(item); },
                        [&]() -> std::shared_ptr<void> {
                          entered = std::this_thread::get_id();
                          order.push_back('(');
                          return {&order, [&](void*) {
                                    left = std::this_thread::get_id();
                                    order.push_back(')');
                                  }};
                        });
    for (const char item : {'a', 'b', 'c'}) queue.push(item);
  }
  CHECK(order == std::vector<char>{'(', 'a', 'b', 'c', ')'});
  CHECK(entered == left);
  CHECK(entered != std::this_thread::get_id());
}

}  // namespace
