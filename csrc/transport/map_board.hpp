// SPDX-License-Identifier: MIT
// A board in the memory of one process.

#pragma once

#include <byzccl/transport.hpp>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace byzccl::transport {

class MapBoard final : public Board {
 public:
  void put(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    notes_[key] = value;
  }
  std::optional<std::string> get(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const auto note = notes_.find(key);
    return note == notes_.end() ? std::nullopt : std::optional(note->second);
  }
  std::string put_first(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    return notes_.try_emplace(key, value).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> notes_;
};

}  // namespace byzccl::transport
