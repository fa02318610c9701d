// SPDX-License-Identifier: MIT
// A board over a c10d::Store.

#include "store_board.hpp"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "message_of.hpp"
#include "store_address.hpp"

namespace byzccl::torch {
namespace {

/// An answer takes a millisecond; a connection that gives none for this long is taken for busy.
constexpr std::chrono::milliseconds kBusyAfter{1000};

}  // namespace

/// The connections to the store.
struct StoreBoard::Lines {
  c10::intrusive_ptr<c10d::Store> shared;
  std::string name;  ///< of the store
  std::mutex mutex;
  c10::intrusive_ptr<c10d::Store> own;  ///< made when it is first needed

  c10d::Store& open(bool of_its_own) {
    if (!of_its_own) return *shared;
    const std::lock_guard lock(mutex);
    if (!own) own = shared->clone();
    return *own;
  }
};

/// A question, and the first answer to it.
struct StoreBoard::Call {
  Question question;
  std::mutex mutex;
  std::condition_variable answered;
  bool done = false;
  Answer answer;
  std::exception_ptr error;

  void settle(Answer with, std::exception_ptr failure) {
    const std::lock_guard lock(mutex);
    if (done) return;
    answer = std::move(with);
    error = std::move(failure);
    done = true;
    answered.notify_all();
  }

  bool await(Deadline end) {
    std::unique_lock lock(mutex);
    return answered.wait_until(lock, end, [this] { return done; });
  }
};

StoreBoard::StoreBoard(c10::intrusive_ptr<c10d::Store> store, std::chrono::milliseconds limit,
                       int host)
    : lines_(std::make_shared<Lines>()), limit_(limit), host_(host) {
  lines_->name = name_of(*store);
  lines_->shared = std::move(store);
}

void StoreBoard::start(std::shared_ptr<Lines> lines, bool own, std::shared_ptr<Call> call) {
  std::thread([lines = std::move(lines), own, call = std::move(call)] {
    try {
      call->settle(call->question(lines->open(own)), nullptr);
    } catch (const std::exception& error) {
      call->settle({},
                   std::make_exception_ptr(Error(concat(lines->name, ": ", message_of(error)))));
    } catch (...) {
      call->settle(
          {}, std::make_exception_ptr(Error(concat(lines->name, " failed without saying why"))));
    }
  }).detach();
}

StoreBoard::Answer StoreBoard::ask(Question question) {
  if (silent_) throw Error(concat(lines_->name, " did not answer before and was given up"));
  const auto call = std::make_shared<Call>();
  call->question = std::move(question);
  const Deadline begin = Clock::now();
  const Deadline end = begin + limit_;
  bool settled = false;
  try {
    if (!busy_) {
      start(lines_, false, call);
      settled = call->await(std::min(end, begin + kBusyAfter));
    }
    if (!settled && Clock::now() < end) {
      busy_ = true;
      start(lines_, true, call);
      settled = call->await(end);
    }
  } catch (const std::system_error& error) {
    throw Error(concat("no thread could be started to ask ", lines_->name, ": ", error.what()));
  }
  if (!settled) {
    silent_ = true;
    throw Error(concat(lines_->name, " did not answer within ", limit_.count(), " ms"));
  }
  const std::lock_guard lock(call->mutex);
  if (call->error) std::rethrow_exception(call->error);
  return call->answer;
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

bool StoreBoard::has(const std::vector<std::string>& keys) {
  return ask([keys](c10d::Store& store) -> Answer {
           if (store.check(keys)) return "";
           return std::nullopt;
         })
      .has_value();
}

void StoreBoard::remove(const std::vector<std::string>& keys) {
  ask([keys](c10d::Store& store) -> Answer {
    for (const std::string& key : keys) store.deleteKey(key);
    return std::nullopt;
  });
}

}  // namespace byzccl::torch
