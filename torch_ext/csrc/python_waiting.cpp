// SPDX-License-Identifier: MIT
#include "python_waiting.hpp"

#include <torch/csrc/utils/pybind.h>

#include <chrono>

namespace byzccl::torch {
namespace {

/// Between two looks for signals.
constexpr std::chrono::milliseconds kSlice{50};

bool wait_a_slice(const Pending& pending) {
  const py::gil_scoped_release release;
  return pending.wait_for(kSlice);
}

}  // namespace

void await(const Pending& pending) {
  while (!wait_a_slice(pending)) {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

void log_warning(const std::string& text) {
  if (Py_IsInitialized() == 0) return;
  const py::gil_scoped_acquire acquire;
  py::module_::import("logging").attr("getLogger")("byzccl").attr("warning")("%s", text);
}

}  // namespace byzccl::torch
