// SPDX-License-Identifier: MIT
// What an exception of torch says, without the C++ stack that torch appends.

#pragma once

#include <c10/util/Exception.h>

#include <exception>
#include <string>

namespace byzccl::torch {

inline std::string message_of(const std::exception& error) {
  const auto* ours = dynamic_cast<const c10::Error*>(&error);
  return ours != nullptr ? ours->what_without_backtrace() : error.what();
}

}  // namespace byzccl::torch
