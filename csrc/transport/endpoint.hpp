// SPDX-License-Identifier: MIT
// What every transport asks of a message.

#pragma once

#include <byzccl/transport.hpp>

namespace byzccl::transport {

/// A message of no bytes: it moves nothing.
class NoMessage final : public Work {
 public:
  void wait(Deadline) override {}
  bool is_done() override { return true; }
};

/// @throws InvalidArgument
inline void check_peer(int peer, int rank, int size) {
  BYZCCL_CHECK(peer >= 0 && peer < size && peer != rank, "no messages between rank ", rank,
               " and rank ", peer, " of ", size);
}

}  // namespace byzccl::transport
