// SPDX-License-Identifier: MIT
#include "python_report.hpp"

#include <byzccl/aggregate.hpp>
#include <functional>
#include <optional>
#include <string>

#include "local_call.hpp"
#include "on_cuda.hpp"
#include "python_holder.hpp"
#include "rows.hpp"

namespace byzccl::torch {
namespace {

/// What an explain() found, until it is read.
struct Explained {
  std::function<Report()> read;
};

Explained explain(const at::Tensor& stack, const std::string& rule_text, std::int64_t own,
                  std::int64_t step, const std::optional<at::Tensor>& previous) {
  const Rule rule = Rule::parse(rule_text);
  if (stack.is_cuda()) return {explain_on_cuda(stack, rule, {own, step, previous})};
  check_device(stack, "stack", at::kCPU);
  const LocalCall call(stack, rule, {own, step, previous});
  follow_torch_threads();
  const auto& [owner, x, d, dtype] = call.rows;
  return {[report = byzccl::explain(x, d, dtype, rule, nullptr, call.caller)] { return report; }};
}

}  // namespace

void bind_report(py::module_& m) {
  py::class_<Report>(m, "Report")
      .def_readonly("rule", &Report::rule)
      .def_readonly("algorithm", &Report::algorithm)
      .def_readonly("n", &Report::n)
      .def_readonly("d", &Report::d)
      .def_readonly("step", &Report::step)
      .def_readonly("failed", &Report::failed)
      .def_readonly("failure", &Report::failure)
      .def_readonly("typical_reach", &Report::typical_reach)
      .def_readonly("weights", &Report::weights)
      .def_readonly("previous_weight", &Report::previous_weight)
      .def_readonly("scores", &Report::scores)
      .def_readonly("reach", &Report::reach)
      .def_readonly("distances", &Report::distances)
      .def_readonly("broken", &Report::broken)
      .def_readonly("flagged", &Report::flagged)
      .def_readonly("nan_columns", &Report::nan_columns)
      .def_readonly("bytes_sent", &Report::bytes_sent)
      .def_readonly("waits", &Report::waits)
      .def_property_readonly("phases",
                             [](const Report& report) {
                               py::dict phases;
                               for (const byzccl::Phase& phase : report.phases) {
                                 phases[py::str(phase.name)] = phase.seconds;
                               }
                               return phases;
                             })
      .def_property_readonly("spans", [](const Report& report) {
        py::list spans;
        for (const byzccl::Span& span : report.spans) {
          spans.append(py::make_tuple(span.phase, span.add, span.begin, span.end));
        }
        return spans;
      });

  py::class_<Explained, Holder<Explained>>(m, "Explained")
      .def("read", [](const Explained& explained) { return explained.read(); }, NoGil());
  m.def("explain", &explain, py::arg("stack"), py::arg("rule"), py::arg("own") = -1,
        py::arg("step") = 0, py::arg("previous") = std::nullopt, NoGil());
}

}  // namespace byzccl::torch
