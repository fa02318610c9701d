// SPDX-License-Identifier: MIT
#include "python_attack.hpp"

#include <ATen/ops/empty.h>

#include <byzccl/attack.hpp>
#include <byzccl/rule.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rows.hpp"

namespace byzccl::torch {
namespace {

/// One attack as (name, description, on_messages, asks_rule, [(parameter, default)]).
py::list list_attacks() {
  py::list table;
  for (const AttackInfo& info : byzccl::attack_table()) {
    py::list parameters;
    for (const AttackParameter& parameter : info.parameters) {
      parameters.append(py::make_tuple(parameter.name, parameter.fallback));
    }
    table.append(
        py::make_tuple(info.name, info.description, info.on_messages, info.asks_rule, parameters));
  }
  return table;
}

at::Tensor craft(Adversary& adversary, const at::Tensor& honest, const AttackContext& context) {
  check_device(honest, "honest", at::kCPU);
  const StackRows rows(honest);
  follow_torch_threads();
  at::Tensor out = at::empty(honest.sizes().slice(1), honest.options());
  adversary.craft(rows.x, rows.d, rows.dtype, context, out.mutable_data_ptr());
  return out;
}

}  // namespace

void bind_attack(py::module_& m) {
  py::class_<Adversary>(m, "Adversary")
      .def(py::init([](const std::string& attack) { return Adversary(Attack::parse(attack)); }),
           py::arg("attack"))
      .def(
          "craft",
          [](Adversary& adversary, const at::Tensor& honest, int n, int f, int rank,
             std::int64_t step, const std::optional<std::string>& rule, int receiver,
             const std::vector<double>& weights) {
            AttackContext context{.n = n,
                                  .f = f,
                                  .step = step,
                                  .rank = rank,
                                  .receiver = receiver,
                                  .weights = weights};
            if (rule) context.rule = Rule::parse(*rule);
            return craft(adversary, honest, context);
          },
          py::arg("honest"), py::arg("n"), py::arg("f"), py::arg("rank"), py::arg("step"),
          py::arg("rule"), py::arg("receiver"), py::arg("weights"));
  m.def("attack_table", &list_attacks);
  m.def(
      "canonical_attack", [](const std::string& attack) { return to_text(Attack::parse(attack)); },
      py::arg("attack"));
}

}  // namespace byzccl::torch
