// SPDX-License-Identifier: MIT
#include "reducer_errors.hpp"

#include <torch/csrc/autograd/engine.h>

#include <byzccl/error.hpp>
#include <stdexcept>
#include <utility>

namespace byzccl::torch {

void at_end_of_backward(std::function<void()> callback) {
  ::torch::autograd::Engine::get_default_engine().queue_callback(std::move(callback));
}

std::exception_ptr for_torch(const std::exception_ptr& error) {
  const auto named = [](const char* type, const Error& thrown) {
    return std::make_exception_ptr(std::runtime_error(concat(type, ": ", thrown.what())));
  };
  try {
    std::rethrow_exception(error);
  } catch (const InvalidArgument& thrown) {
    return named("InvalidArgument", thrown);
  } catch (const MismatchError& thrown) {
    return named("MismatchError", thrown);
  } catch (const TransportError& thrown) {
    return named("TransportError", thrown);
  } catch (const CudaError& thrown) {
    return named("CudaError", thrown);
  } catch (const NcclError& thrown) {
    return named("NcclError", thrown);
  } catch (const Error& thrown) {
    return named("Error", thrown);
  } catch (...) {
    return error;
  }
}

bool throw_after_backward(const std::exception_ptr& error) {
  try {
    at_end_of_backward(
        [error] { at_end_of_backward([error] { std::rethrow_exception(for_torch(error)); }); });
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace byzccl::torch
