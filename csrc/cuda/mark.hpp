// SPDX-License-Identifier: MIT
// A point in the work of a stream, as the steps hand it out.

#pragma once

#include "csrc/cuda/owners.hpp"
#include "csrc/steps.hpp"

namespace byzccl::cuda {

class EventMark final : public Mark {
 public:
  /// All that is on `stream` now.
  explicit EventMark(cudaStream_t stream) { event_.record(stream); }
  bool reached() const override { return event_.reached(); }
  void wait() const override { event_.synchronize(); }
  /// What is enqueued on `stream` from now on comes after the mark.
  void hold(cudaStream_t stream) const { event_.hold(stream); }

 private:
  Event event_;
};

}  // namespace byzccl::cuda
