// SPDX-License-Identifier: MIT
// What the Python module byzccl._C tells of a reduction.

#pragma once

#include <torch/csrc/utils/pybind.h>

namespace byzccl::torch {

/// Adds Report, Explained and explain().
void bind_report(py::module_& m);

}  // namespace byzccl::torch
