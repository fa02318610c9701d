// SPDX-License-Identifier: MIT
#include "benchmarks/record.hpp"

#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <byzccl/version.hpp>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "csrc/cpu/pairwise_distances.hpp"

namespace byzccl::bench {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string time_utc() {
  const std::time_t seconds = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &parts)};
}

}  // namespace

Json machine_facts() {
  return {{"processor", processor()},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", threads()},
          {"instructions", std::string(cpu::target_name())},
          {"compiler", "g++ " __VERSION__},
          {"byzccl", BYZCCL_VERSION},
          {"time", time_utc()}};
}

void Record::save() const {
  if (path_.empty()) return;
  const std::string unfinished = path_ + ".part";
  {
    std::ofstream file(unfinished);
    file << "{\n";
    for (const auto& [name, value] : facts_.items()) {
      file << Json(name).dump() << ": " << value.dump() << ",\n";
    }
    file << "\"figures\": [";
    for (std::size_t i = 0; i < figures_.size(); ++i) {
      file << (i == 0 ? "\n" : ",\n") << figures_[i].dump();
    }
    file << "\n]\n}\n";
    BYZCCL_CHECK(file.flush().good(), "cannot write ", unfinished);
  }
  std::filesystem::rename(unfinished, path_);
}

}  // namespace byzccl::bench
