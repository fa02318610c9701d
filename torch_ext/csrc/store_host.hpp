// SPDX-License-Identifier: MIT
// Where a store lives.

#pragma once

#include <torch/csrc/distributed/c10d/Store.hpp>

namespace byzccl::torch {

/// Whether `store` is a TCPStore that this process hosts: it ends when the process does.
bool hosts(c10d::Store& store);

}  // namespace byzccl::torch
