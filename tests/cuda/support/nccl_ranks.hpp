// SPDX-License-Identifier: MIT
// Ranks that are threads, each with a transport over the NCCL double and the steps beside it.

#pragma once

#include <byzccl/local_transport.hpp>
#include <byzccl/nccl.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "csrc/steps.hpp"
#include "support/ranks.hpp"

namespace byzccl::test {

/// How a group comes together.
enum class Way { kControl, kSplit, kId };

/// One rank. Host memory serves as the device's: the double's memory is the host's.
struct NcclRank {
  explicit NcclRank(std::shared_ptr<Transport> made)
      : transport(std::move(made)), steps(transport->make_steps()) {}

  /// Work of the steps that takes a while.
  void keep_busy() {
    slow.resize(std::size_t{16} << 20);
    for (int i = 0; i < 4; ++i) steps->clear(slow.data(), slow.size());
  }

  std::shared_ptr<Transport> transport;
  std::unique_ptr<Steps> steps;
  Bytes slow;
};

/// Calls fn(rank) for each of n ranks, on threads of their own, which take turns at the devices of
/// the double; afterwards no NCCL communicator may
/// be left.
void run_nccl(int n, const std::function<void(NcclRank&)>& fn, Way way = Way::kControl,
              std::chrono::milliseconds timeout = std::chrono::seconds(60));

inline Deadline in(int ms) { return Clock::now() + std::chrono::milliseconds(ms); }

/// The PeerError that fn throws, if it does.
std::optional<PeerError> peer_error(const std::function<void()>& fn);

}  // namespace byzccl::test
