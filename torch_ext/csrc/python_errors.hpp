// SPDX-License-Identifier: MIT
// The library's exceptions in Python.

#pragma once

#include <torch/csrc/utils/pybind.h>

#include <exception>

namespace byzccl::torch {

/// Sets Python's error to an exception of the library. @throws any other, as it is
void translate(std::exception_ptr error);

}  // namespace byzccl::torch
