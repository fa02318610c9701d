// SPDX-License-Identifier: MIT
// Places through which short messages of the host travel: pinned memory, and memory of the device.

#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <vector>

#include "csrc/cuda/stream_pair.hpp"

namespace byzccl::nccl {

class Staging {
 public:
  struct Place {
    std::shared_ptr<void> host;
    std::shared_ptr<void> device;
  };

  explicit Staging(std::shared_ptr<cuda::StreamPair> streams) : streams_(std::move(streams)) {}

  /// A place for `bytes`, one that was given back if there is one: pinning memory is slow, and
  /// waits for the device.
  Place take(std::size_t bytes);
  /// What `bytes` asked for. Once no copy touches it.
  void give_back(std::size_t bytes, Place place);

 private:
  const std::shared_ptr<cuda::StreamPair> streams_;
  std::map<std::size_t, std::vector<Place>> free_;  // by capacity
};

}  // namespace byzccl::nccl
