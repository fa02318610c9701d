// SPDX-License-Identifier: MIT
// Where a store lives.

#pragma once

#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

#include "store_board.hpp"

namespace byzccl::torch {

/// Whether `store` is a TCPStore that this process hosts: it ends when the process does.
bool hosts(c10d::Store& store);

/// After a failure. If `store`, which `board` is on, ends with this process: returns when the
/// others have written all of `keys`, which they do once they have read what they need; when `own`
/// is gone, which the last one removes; or after 5 s. @throws Error of the board
void stay_for_readers(c10d::Store& store, StoreBoard& board, const std::vector<std::string>& keys,
                      const std::string& own);

}  // namespace byzccl::torch
