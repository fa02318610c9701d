// SPDX-License-Identifier: MIT
// A rank that tells each peer what a script says: other headers than others, or lies about what it
// was told.

#pragma once

#include <byzccl/transport.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "csrc/collective/header.hpp"
#include "support/ranks.hpp"

namespace byzccl::test {

/// Of the float32 reduction that follow() takes part in: one tile, all of which rank 0 owns.
inline constexpr std::int64_t kScriptColumns = 8;

/// What a rank tells each peer. It waits for nobody but for the headers.
struct Script {
  std::function<void(int to, collective::Header& header)> header = [](int, collective::Header&) {};
  /// The headers that it says it has got, its own among them.
  std::function<void(int to, std::vector<collective::Header>& account)> account = [](int, auto&) {};
  /// A byte for each rank; empty: none is sent.
  std::function<void(int to, Bytes& echo)> echo = [](int, Bytes&) {};
  bool sends_account = true;  ///< where its echo has a 1
};

/// Takes part in one reduction over `end`, in the place of a communicator.
void follow(const Script& script, Transport& end);

}  // namespace byzccl::test
