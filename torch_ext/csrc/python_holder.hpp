// SPDX-License-Identifier: MIT
// How Python owns what waits or ends threads: never under the GIL.

#pragma once

#include <torch/csrc/utils/pybind.h>
#include <unistd.h>

#include <memory>
#include <optional>

namespace byzccl::torch {

/// Destroying one of these may join a thread or end a backend, which must not happen under the GIL.
/// In a forked child there is no such thread, and a join would never end: there it is left alone.
template <class T>
struct WithoutGil {
  pid_t maker = getpid();

  void operator()(T* object) const {
    if (getpid() != maker) return;
    std::optional<py::gil_scoped_release> release;
    if (PyGILState_Check() != 0) release.emplace();  // not so where torch drops what it shares
    delete object;
  }
};
template <class T>
using Holder = std::unique_ptr<T, WithoutGil<T>>;

using NoGil = py::call_guard<py::gil_scoped_release>;

}  // namespace byzccl::torch
