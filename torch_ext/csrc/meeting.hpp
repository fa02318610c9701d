// SPDX-License-Identifier: MIT
// How the ranks of a communicator or a node find each other.

#pragma once

#include <byzccl/transport.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace byzccl::torch {

struct Party {
  c10::intrusive_ptr<c10d::Store> store;  ///< empty but for these ranks' keys
  int rank;
  int size;
  /// How long one rank may keep the others waiting: to come, and then to connect.
  std::chrono::milliseconds timeout;
  std::string device;                 ///< "cpu" or "cuda": alike on all ranks
  std::function<void()> interrupt;    ///< called often; what it throws ends the meeting
  std::string what = "communicator";  ///< what they meet for, in errors
};

struct Met {
  /// Connected to all other ranks; it serves what they met for alone.
  c10::intrusive_ptr<c10d::Backend> backend;
  int store_host;  ///< the rank with whose process the store ends; -1: none that is known
};

/// Meets the others.
///
/// It ends within the timeout and the few seconds of a verdict, whatever the store and the other
/// ranks do, and all ranks that it fails on name the same ones: those that did not come, did not
/// complete, or said what keeps them from it. When all have met, no key of theirs is left.
///
/// @throws TransportError, MismatchError if the devices differ
Met meet(const Party& party);

}  // namespace byzccl::torch
