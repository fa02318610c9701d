// SPDX-License-Identifier: MIT
// How a Python program waits for other ranks: it can be interrupted, and hears who is late.

#pragma once

#include <string>

#include "byzccl_torch.hpp"

namespace byzccl::torch {

/// Returns when Pending::wait would not wait for other ranks any more. The caller has the GIL;
/// other threads run meanwhile, and signal handlers do within a moment.
/// @throws what a handler raised, KeyboardInterrupt for one; the reduction goes on
void await(const Pending& pending);

/// Logs a warning of the logger "byzccl". From any thread, without the GIL; nothing once the
/// interpreter ends.
void log_warning(const std::string& text);

}  // namespace byzccl::torch
