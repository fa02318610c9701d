// SPDX-License-Identifier: MIT
// Where a store is.

#pragma once

#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace byzccl::torch {

/// The store under its prefixes.
c10d::Store& bare_store(c10d::Store& store);

/// "the store at 10.0.0.7:29500", "the store at /tmp/file", or "the store" where it does not say.
std::string name_of(c10d::Store& store);

}  // namespace byzccl::torch
