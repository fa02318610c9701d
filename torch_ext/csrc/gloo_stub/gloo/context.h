// SPDX-License-Identifier: MIT
// Declares what <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp> names, and no more: the wheel
// exports its Gloo backend but leaves Gloo's headers out. That class holds Gloo's types only behind
// smart pointers, so its layout does not depend on them. Never construct a Gloo type through these
// headers.

#pragma once

#include <gloo/transport/device.h>

#include <chrono>
#include <memory>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds);
};
}  // namespace gloo
