// SPDX-License-Identifier: MIT
// File descriptors: how many a communicator takes, and how many this process may still open.

#include "descriptors.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace byzccl::torch {
namespace {

/// Of a Gloo device: one to listen, one to poll, two of a pipe that wakes the poll.
constexpr std::size_t kPerDevice = 4;
constexpr std::size_t kPassing = 3;

}  // namespace

std::size_t descriptors_needed(int size, std::size_t devices) {
  return devices * (kPerDevice + static_cast<std::size_t>(size) - 1) + kPassing;
}

std::optional<DescriptorRoom> descriptor_room() {
  rlimit limits{};
  if (getrlimit(RLIMIT_NOFILE, &limits) != 0 || limits.rlim_cur == RLIM_INFINITY) return {};
  const auto limit = static_cast<std::size_t>(limits.rlim_cur);
  std::error_code error;
  std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (error) {
    if (error.value() == EMFILE) return DescriptorRoom{0, limit};
    return std::nullopt;
  }
  std::size_t taken = 0;  // the limit is on their numbers: what was opened above it takes no room
  std::size_t seen = 0;
  for (const std::filesystem::directory_iterator end; open != end; open.increment(error)) {
    if (error) return std::nullopt;
    const std::string name = open->path().filename();
    std::size_t number = 0;
    const auto [last, wrong] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (wrong != std::errc() || last != name.data() + name.size()) continue;
    ++seen;
    if (number < limit) ++taken;
  }
  if (seen > 0 && taken > 0) --taken;  // the one that this loop reads by
  return DescriptorRoom{limit > taken ? limit - taken : 0, limit};
}

}  // namespace byzccl::torch
