// SPDX-License-Identifier: MIT
// How errors of a step leave the backward pass.

#pragma once

#include <exception>
#include <functional>

namespace byzccl::torch {

/// Runs `callback` when the backward pass under way is over, in the order of the calls. What it
/// throws leaves the backward pass.
/// @throws c10::Error if there is none, such as in the shadow of a rank that has joined
void at_end_of_backward(std::function<void()> callback);

/// As torch raises it: an error of the library as std::runtime_error with its type in the message.
/// Others stay as they are.
std::exception_ptr for_torch(const std::exception_ptr& error);

/// Called before the Reducer queues its own callback, which fills in the gradients: the error
/// leaves the backward pass after that. False if there is none.
bool throw_after_backward(const std::exception_ptr& error);

}  // namespace byzccl::torch
