// SPDX-License-Identifier: MIT
// The nodes' part of the Python module byzccl._C.

#pragma once

#include <torch/csrc/utils/pybind.h>

namespace byzccl::torch {

/// Adds Node.
void bind_node(py::module_& m);

}  // namespace byzccl::torch
