// SPDX-License-Identifier: MIT
#include "whole_exchange.hpp"

namespace byzccl::torch {

void WholeExchange::run() {
  if (done_) return;
  Exchange exchange = communicator_->begin(rule_);
  for (const at::Tensor& tensor : tensors_) exchange.add(tensor);
  exchange.finish().wait();
  done_ = true;
}

}  // namespace byzccl::torch
