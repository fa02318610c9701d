// SPDX-License-Identifier: MIT
// The store that a Gloo backend exchanges its addresses over while it connects.

#include "rendezvous_store.hpp"

#include <thread>

#include "backoff.hpp"

namespace byzccl::torch {
namespace {

std::string on_board(const std::string& key) { return "gloo/" + key; }

[[noreturn]] void refuse(const char* call) {
  throw Error(
      concat("Gloo's rendezvous asked the store for ", call, ", which it has never needed"));
}

}  // namespace

c10::intrusive_ptr<c10d::Store> RendezvousStore::clone() { refuse("a clone"); }
int64_t RendezvousStore::add(const std::string& /*key*/, int64_t /*value*/) { refuse("a sum"); }
int64_t RendezvousStore::getNumKeys() { refuse("a count of keys"); }

void RendezvousStore::set(const std::string& key, const std::vector<uint8_t>& value) {
  {
    const std::lock_guard lock(mutex_);
    written_.push_back(on_board(key));
  }
  board_->put(on_board(key), std::string(value.begin(), value.end()));
}

std::vector<uint8_t> RendezvousStore::get(const std::string& key) {
  wait({key});
  const std::string value = board_->get(on_board(key)).value_or("");
  return {value.begin(), value.end()};
}

bool RendezvousStore::deleteKey(const std::string& key) {
  board_->remove({on_board(key)});
  return true;
}

bool RendezvousStore::check(const std::vector<std::string>& keys) {
  std::vector<std::string> names;
  for (const std::string& key : keys) names.push_back(on_board(key));
  return board_->has(names);
}

void RendezvousStore::wait(const std::vector<std::string>& keys) { wait(keys, timeout_); }

void RendezvousStore::wait(const std::vector<std::string>& keys,
                           const std::chrono::milliseconds& timeout) {
  const Deadline end = deadline_after(timeout);
  Backoff pause;
  while (!check(keys)) {
    if (given_up_) throw Error("the ranks have given up to meet");
    if (Clock::now() >= end) throw Error(concat("rank ", keys.front(), " did not come in time"));
    pause.sleep();
  }
}

std::vector<std::string> RendezvousStore::written() {
  const std::lock_guard lock(mutex_);
  return written_;
}

}  // namespace byzccl::torch
