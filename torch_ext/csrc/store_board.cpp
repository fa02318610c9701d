// SPDX-License-Identifier: MIT
// A board over a c10d::Store.

#include "store_board.hpp"

#include <future>
#include <thread>
#include <utility>

#include "message_of.hpp"

namespace byzccl::torch {

// A clone has a connection of its own: the original's may be taken by a thread that waits for a
// key.
StoreBoard::StoreBoard(const c10::intrusive_ptr<c10d::Store>& store,
                       std::chrono::milliseconds limit)
    : limit_(limit) {
  try {
    store_ = store->clone();
    store_->setTimeout(limit);
  } catch (const std::exception& error) {
    throw TransportError("the store cannot be reached: " + message_of(error));
  }
}

StoreBoard::Answer StoreBoard::ask(std::function<Answer(c10d::Store&)> question) {
  if (silent_) throw Error("the store did not answer before and was given up");
  std::promise<Answer> promise;
  auto answer = promise.get_future();
  std::thread asker(
      [store = store_, question = std::move(question), promise = std::move(promise)]() mutable {
        try {
          promise.set_value(question(*store));
        } catch (const std::exception& error) {
          promise.set_exception(std::make_exception_ptr(Error("store: " + message_of(error))));
        }
      });
  if (answer.wait_for(limit_) != std::future_status::ready) {
    asker.detach();  // it owns all that it touches, and ends when the connection does
    silent_ = true;
    throw Error(concat("the store did not answer within ", limit_.count(), " ms"));
  }
  asker.join();
  return answer.get();
}

void StoreBoard::put(const std::string& key, const std::string& value) {
  ask([key, value](c10d::Store& store) -> Answer {
    store.set(key, value);
    return std::nullopt;
  });
}

std::optional<std::string> StoreBoard::get(const std::string& key) {
  return ask([key](c10d::Store& store) -> Answer {
    if (!store.check({key})) return std::nullopt;  // get alone would wait for it
    return store.get_to_str(key);
  });
}

std::string StoreBoard::put_first(const std::string& key, const std::string& value) {
  // With nothing expected, every store writes an absent key and answers with what stands.
  return *ask(
      [key, value](c10d::Store& store) -> Answer { return store.compareSet(key, "", value); });
}

}  // namespace byzccl::torch
