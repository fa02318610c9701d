// SPDX-License-Identifier: MIT
// The hook of a DistributedDataParallel's Reducer in the Python module byzccl._C.

#pragma once

#include <torch/csrc/utils/pybind.h>

namespace byzccl::torch {

/// Adds ReducerHook. Communicator must be there.
void bind_reducer(py::module_& m);

}  // namespace byzccl::torch
