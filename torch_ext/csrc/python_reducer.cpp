// SPDX-License-Identifier: MIT
#include "python_reducer.hpp"

#include <torch/csrc/Exceptions.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "byzccl_reducer.hpp"
#include "python_errors.hpp"
#include "python_holder.hpp"

namespace byzccl::torch {
namespace {

/// A Python object for threads that may not hold the GIL.
std::shared_ptr<py::object> share(py::object object) {
  return {new py::object(std::move(object)), [](py::object* shared) {
            const py::gil_scoped_acquire gil;
            delete shared;
          }};
}

/// An Exception of Python's that leaves the backward pass as RuntimeError, like all that goes wrong
/// in a step.
class Raised : public std::runtime_error {
 public:
  explicit Raised(const py::error_already_set& error)
      : std::runtime_error(error.what()), value(share(error.value())) {}
  std::shared_ptr<py::object> value;
};

/// KeyboardInterrupt and its like leave the backward pass as they are.
std::function<void(const at::Tensor&)> tamper_by(py::object function) {
  if (function.is_none()) return nullptr;
  return [shared = share(std::move(function))](const at::Tensor& buffer) {
    const py::gil_scoped_acquire gil;
    try {
      (*shared)(buffer);
    } catch (py::error_already_set& error) {
      if (error.matches(PyExc_Exception)) throw Raised(error);
      error.restore();
      python_error as_it_is;
      as_it_is.persist();
      throw as_it_is;
    }
  };
}

/// The exception object that stands for `error`; None for null.
py::object object_of(const std::exception_ptr& error) {
  if (!error) return py::none();
  try {
    translate(error);
  } catch (python_error& raised) {
    raised.restore();
  } catch (const Raised& raised) {
    return *raised.value;
  } catch (const std::exception& raised) {
    py::set_error(PyExc_RuntimeError, raised.what());
  }
  return py::error_already_set().value();
}

using Counts = std::tuple<std::int64_t, std::vector<std::int64_t>, std::vector<std::int64_t>>;

std::shared_ptr<ReducerHook> attach_to(c10d::Reducer& reducer,
                                       const std::shared_ptr<Communicator>& communicator,
                                       const std::string& rule, NamedTensors parameters,
                                       bool buckets_may_be_skipped, py::object tamper) {
  ReducerHookOptions options{Rule::parse(rule), std::move(parameters), buckets_may_be_skipped,
                             tamper_by(std::move(tamper))};
  const py::gil_scoped_release release;
  std::shared_ptr<ReducerHook> hook(new ReducerHook(reducer, communicator, std::move(options)),
                                    WithoutGil<ReducerHook>());
  attach(hook, reducer);
  return hook;
}

}  // namespace

void bind_reducer(py::module_& m) {
  py::class_<ReducerHook, std::shared_ptr<ReducerHook>>(m, "ReducerHook")
      .def(py::init(&attach_to), py::arg("reducer"), py::arg("communicator"), py::arg("rule"),
           py::arg("parameters"), py::arg("buckets_may_be_skipped") = false,
           py::arg("tamper") = py::none())
      .def(
          "use_rule",
          [](ReducerHook& hook, const std::string& rule) { hook.use_rule(Rule::parse(rule)); },
          py::arg("rule"))
      .def("error", [](const ReducerHook& hook) { return object_of(hook.error()); })
      .def("report", &ReducerHook::report, NoGil())
      .def(
          "counts",
          [](ReducerHook& hook) {
            StepCounts counts = hook.counts();
            return Counts(counts.steps, std::move(counts.excluded), std::move(counts.broken));
          },
          NoGil())
      .def("previous_outputs", &ReducerHook::previous_outputs, NoGil())
      .def(
          "load",
          [](ReducerHook& hook, Counts counts, const NamedTensors& previous_outputs) {
            auto [steps, excluded, broken] = std::move(counts);
            hook.load({steps, std::move(excluded), std::move(broken)}, previous_outputs);
          },
          py::arg("counts"), py::arg("previous_outputs"), NoGil())
      .def("read_reports_late", &ReducerHook::read_reports_late, py::arg("late"))
      .def_property_readonly("begun", &ReducerHook::begun)
      .def_property_readonly("unread", &ReducerHook::unread);
}

}  // namespace byzccl::torch
