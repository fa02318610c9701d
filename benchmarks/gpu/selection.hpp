// SPDX-License-Identifier: MIT
// A plan's selection on the device, ready to be repeated: D is there.

#pragma once

#include <cuda_runtime_api.h>

#include <memory>

#include "csrc/steps.hpp"

namespace byzccl::bench {

class Selection {
 public:
  Selection(const Plan& plan, const Rows& rows, cudaStream_t stream);

  /// Enqueues the one kernel.
  void select() const;
  const rules::Decision& decision() const { return decision_; }

 private:
  const Plan plan_;
  const cudaStream_t stream_;
  std::shared_ptr<void> memory_;     // of the decision
  std::shared_ptr<void> distances_;  // D [lines, n]
  std::shared_ptr<void> scratch_;
  rules::Decision decision_;
};

}  // namespace byzccl::bench
