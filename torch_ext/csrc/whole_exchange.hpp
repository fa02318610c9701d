// SPDX-License-Identifier: MIT
// A reduction from begin to end, for callers that may be interrupted but must not stop halfway.

#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"

namespace byzccl::torch {

/// One reduction of several tensors in one call. An exception out of a signal's handler comes
/// between two lines of Python: before run(), when nothing has been sent, or after it, when all is
/// there. is_done() tells which.
class WholeExchange {
 public:
  WholeExchange(std::shared_ptr<Communicator> communicator, Rule rule,
                std::vector<at::Tensor> tensors)
      : communicator_(std::move(communicator)),
        rule_(std::move(rule)),
        tensors_(std::move(tensors)) {}

  /// Each tensor becomes its aggregate. A no-op once it has. @throws as Communicator's calls
  void run();
  bool is_done() const { return done_; }

 private:
  const std::shared_ptr<Communicator> communicator_;
  const Rule rule_;
  const std::vector<at::Tensor> tensors_;
  std::atomic<bool> done_ = false;
};

}  // namespace byzccl::torch
