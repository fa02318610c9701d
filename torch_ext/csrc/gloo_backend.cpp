// SPDX-License-Identifier: MIT
// A Gloo backend that connects at once.

#include "gloo_backend.hpp"

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

namespace byzccl::torch {

using Gloo = c10d::ProcessGroupGloo;

std::vector<std::string> gloo_interfaces() {
  const char* const set = std::getenv("GLOO_SOCKET_IFNAME");
  std::vector<std::string> names;
  std::istringstream text(set == nullptr ? "" : set);
  for (std::string name; std::getline(text, name, ',');) names.push_back(name);
  return names;
}

c10::intrusive_ptr<c10d::Backend> eager_gloo(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                             int size, std::chrono::milliseconds timeout,
                                             const std::function<void()>& on_devices) {
  constexpr bool kLazy = false;
  auto options = Gloo::Options::create(timeout);
  for (const std::string& name : gloo_interfaces()) {
    options->devices.push_back(Gloo::createDeviceForInterface(name, kLazy));
  }
  if (options->devices.empty()) options->devices.push_back(Gloo::createDefaultDevice(kLazy));
  options->threads = 2 * static_cast<int>(options->devices.size());
  on_devices();
  return c10::make_intrusive<Gloo>(store, rank, size, std::move(options));
}

std::size_t connection_sets(c10d::Backend& backend) {
  auto* const gloo = dynamic_cast<Gloo*>(&backend);
  return gloo == nullptr ? 1 : std::max<std::size_t>(1, gloo->getOptions()->devices.size());
}

}  // namespace byzccl::torch
