// SPDX-License-Identifier: MIT
// The adversaries' part of the Python module byzccl._C.

#pragma once

#include <torch/csrc/utils/pybind.h>

namespace byzccl::torch {

/// Adds Adversary, attack_table() and canonical_attack().
void bind_attack(py::module_& m);

}  // namespace byzccl::torch
