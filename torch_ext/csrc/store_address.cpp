// SPDX-License-Identifier: MIT
// Where a store is.

#include "store_address.hpp"

#include <byzccl/error.hpp>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace byzccl::torch {

c10d::Store& bare_store(c10d::Store& store) {
  c10d::Store* bare = &store;
  while (auto* const prefixed = dynamic_cast<c10d::PrefixStore*>(bare)) {
    bare = prefixed->getUnderlyingStore().get();
  }
  return *bare;
}

std::string name_of(c10d::Store& store) {
  c10d::Store& bare = bare_store(store);
  if (const auto* const tcp = dynamic_cast<const c10d::TCPStore*>(&bare)) {
    return concat("the store at ", tcp->getHost(), ":", tcp->getPort());
  }
  if (const auto* const file = dynamic_cast<const c10d::FileStore*>(&bare)) {
    return concat("the store at ", file->getPath());
  }
  return "the store";
}

}  // namespace byzccl::torch
