// SPDX-License-Identifier: MIT
#include "python_errors.hpp"

#include <byzccl/error.hpp>
#include <string_view>
#include <utility>

namespace byzccl::torch {
namespace {

/// A message may quote what the system said, in whatever encoding.
py::str words_of(const Error& error) {
  const std::string_view what = error.what();
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(what.data(), static_cast<Py_ssize_t>(what.size()), "replace"));
}

void raise(const char* name, const Error& error) {
  const py::object type = py::module_::import("byzccl.errors").attr(name);
  py::set_error(type, words_of(error));
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
    py::set_error(type, type(words_of(thrown), thrown.suspects()));
  } catch (const QuorumError& thrown) {
    const py::object type = py::module_::import("byzccl.errors").attr("QuorumError");
    py::set_error(type, type(words_of(thrown), thrown.missing(), thrown.passed(), thrown.gone(),
                             thrown.next_step(), thrown.timed_out()));
  } catch (const CudaError& thrown) {
    raise("CudaError", thrown);
  } catch (const NcclError& thrown) {
    raise("NcclError", thrown);
  } catch (const Error& thrown) {
    raise("Error", thrown);
  }
}

}  // namespace byzccl::torch
