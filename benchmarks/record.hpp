// SPDX-License-Identifier: MIT
// What a run found, as JSON: facts of the machine, and one object a figure.

#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace byzccl::bench {

/// Keys in the order in which they are set.
using Json = nlohmann::ordered_json;

/// Processor, cores, threads, instruction set, compiler, version of the library, time (UTC).
Json machine_facts();

class Record {
 public:
  /// @param path  rewritten by every save(); empty: nothing is written
  explicit Record(std::string path) : path_(std::move(path)) {}

  void set(const std::string& name, Json value) { facts_[name] = std::move(value); }
  void add(Json figure) { figures_.push_back(std::move(figure)); }

  /// Whole or not at all: what is read meanwhile is the state before. One figure a line.
  void save() const;

 private:
  std::string path_;
  Json facts_ = Json::object();
  std::vector<Json> figures_;
};

}  // namespace byzccl::bench
