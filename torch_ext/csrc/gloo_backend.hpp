// SPDX-License-Identifier: MIT
// A Gloo backend that connects at once.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

namespace byzccl::torch {

/// Network interfaces that Gloo is told to use (GLOO_SOCKET_IFNAME); empty: that of the host's
/// name.
std::vector<std::string> gloo_interfaces();

/// Connects to all other ranks before it returns, also under TORCH_GLOO_LAZY_INIT: over a
/// connection that opens with the first message, the death of a rank that has not sent any is not
/// seen. The addresses are those that torch's own Gloo groups choose.
///
/// @param on_devices  called once the devices are there, before the first message: what is thrown
///                    until then is this rank's own trouble
c10::intrusive_ptr<c10d::Backend> eager_gloo(const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                             int size, std::chrono::milliseconds timeout,
                                             const std::function<void()>& on_devices);

/// Over several interfaces Gloo has as many sets of connections, and a message's tag, modulo their
/// number, says over which it travels. 1 for what is not Gloo.
std::size_t connection_sets(c10d::Backend& backend);

}  // namespace byzccl::torch
