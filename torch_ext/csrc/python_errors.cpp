// SPDX-License-Identifier: MIT
#include "python_errors.hpp"

#include <byzccl/error.hpp>
#include <utility>

namespace byzccl::torch {
namespace {

void raise(const char* name, const Error& error) {
  py::set_error(py::module_::import("byzccl.errors").attr(name), error.what());
}

}  // namespace

void translate(std::exception_ptr error) {
  try {
    std::rethrow_exception(std::move(error));
  } catch (const InvalidArgument& thrown) {
    raise("InvalidArgument", thrown);
  } catch (const MismatchError& thrown) {
    raise("MismatchError", thrown);
  } catch (const TransportError& thrown) {
    const py::object type = py::module_::import("byzccl.errors").attr("TransportError");
    py::set_error(type, type(thrown.what(), thrown.suspects()));
  } catch (const CudaError& thrown) {
    raise("CudaError", thrown);
  } catch (const NcclError& thrown) {
    raise("NcclError", thrown);
  } catch (const Error& thrown) {
    raise("Error", thrown);
  }
}

}  // namespace byzccl::torch
