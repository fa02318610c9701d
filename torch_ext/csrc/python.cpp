// SPDX-License-Identifier: MIT
// The Python module byzccl._C: the communicator, the rule table, the library's exceptions.

#include <torch/csrc/utils/pybind.h>

#include <torch/headeronly/version.h>
#include <algorithm>
#include <array>
#include <byzccl/byzccl.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"
#include "descriptors.hpp"
#include "gloo_backend.hpp"
#include "meeting.hpp"
#include "message_of.hpp"
#include "on_cuda.hpp"
#include "python_attack.hpp"
#include "python_errors.hpp"
#include "python_holder.hpp"
#include "python_node.hpp"
#include "python_reducer.hpp"
#include "python_report.hpp"
#include "python_waiting.hpp"
#include "rows.hpp"
#include "whole_exchange.hpp"

namespace {

using byzccl::torch::Communicator;
using byzccl::torch::Exchange;
using byzccl::torch::Holder;
using byzccl::torch::NoGil;
using byzccl::torch::Pending;
using byzccl::torch::WholeExchange;

/// What is done to a rank's messages, for tests and experiments.
struct Wire {
  std::int64_t delay_ms = 0;    ///< each is held back
  std::string deceit = "none";  ///< an attack on messages
};

std::shared_ptr<byzccl::Transport> over(const Wire& wire,
                                        std::shared_ptr<byzccl::Transport> transport) {
  BYZCCL_CHECK(wire.delay_ms >= 0, "delay_ms must not be negative, got ", wire.delay_ms);
  if (wire.delay_ms > 0) {
    transport = byzccl::torch::delayed_transport(std::move(transport),
                                                 std::chrono::milliseconds(wire.delay_ms));
  }
  const byzccl::Attack attack = byzccl::Attack::parse(wire.deceit);
  if (attack.kind == byzccl::AttackKind::kNone) return transport;
  return byzccl::deceiving_transport(std::move(transport), attack);
}

/// A backend, and the rank that hosts the store, or -1.
using Met = std::pair<c10::intrusive_ptr<c10d::Backend>, int>;

std::unique_ptr<Communicator> make(const Met& met, const c10::intrusive_ptr<c10d::Store>& store,
                                   const std::string& algorithm, std::int64_t timeout_ms,
                                   std::int64_t chunk_bytes, const Wire& wire,
                                   const at::Device& device) {
  BYZCCL_CHECK(timeout_ms >= 1, "timeout must be at least 1 ms, got ", timeout_ms);
  BYZCCL_CHECK(chunk_bytes >= 1, "chunk_bytes must be at least 1, got ", chunk_bytes);
  const byzccl::CommunicatorOptions options{
      .algorithm = byzccl::parse_algorithm(algorithm),
      .timeout = std::chrono::milliseconds(timeout_ms),
      .chunk_bytes = static_cast<std::size_t>(chunk_bytes),
      .warn = byzccl::torch::log_warning,
  };
  auto transport = byzccl::torch::c10d_transport(met.first, store, met.second);
  if (device.is_cpu()) {
    transport = over(wire, std::move(transport));
  } else {
    BYZCCL_CHECK(wire.delay_ms == 0 && wire.deceit == "none",
                 "delay_ms and deceit are for tensors on the CPU, the device is ", device.str());
    transport = byzccl::torch::cuda_transport(std::move(transport), device, options.timeout);
  }
  return std::make_unique<Communicator>(std::move(transport), options, device);
}

/// What a communicator of `size` ranks takes, what this process may still open, and its limit;
/// nothing where the system sets or tells none.
std::optional<std::array<std::size_t, 3>> descriptors(int size) {
  const auto room = byzccl::torch::descriptor_room();
  if (!room) return std::nullopt;
  const std::size_t devices = byzccl::torch::gloo_interfaces().size();
  return std::array{byzccl::torch::descriptors_needed(size, std::max<std::size_t>(1, devices)),
                    room->free, room->limit};
}

/// What a signal's handler raises is raised here.
void see_signals() {
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

Met meet(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, std::int64_t timeout_ms,
         const at::Device& device, const std::string& what) {
  BYZCCL_CHECK(timeout_ms >= 1, "timeout must be at least 1 ms, got ", timeout_ms);
  const py::gil_scoped_release release;
  auto met = byzccl::torch::meet({store, rank, size, std::chrono::milliseconds(timeout_ms),
                                  c10::DeviceTypeName(device.type(), true), see_signals, what});
  return {std::move(met.backend), met.store_host};
}

/// `call` with the rule that is written in `rule`. A rule that cannot be read, or a tensor whose
/// memory torch does not give, is a call that the other ranks must not wait for.
template <class Call>
auto told(Communicator& communicator, const std::string& rule, const Call& call) {
  const auto parsed = [&] {
    try {
      return byzccl::Rule::parse(rule);
    } catch (const byzccl::InvalidArgument& error) {
      communicator.refuse(error.what());
      throw;
    }
  }();
  try {
    return call(parsed);
  } catch (const byzccl::Error&) {  // it has told them itself
    throw;
  } catch (const std::exception& error) {
    communicator.refuse(byzccl::torch::message_of(error));
    throw;
  }
}

/// (name, required, bound, default, real) of each parameter.
py::list parameters_of(std::span<const byzccl::ParameterInfo> parameters) {
  py::list list;
  for (const byzccl::ParameterInfo& p : parameters) {
    list.append(py::make_tuple(p.name, p.required, p.bound, p.fallback, p.real));
  }
  return list;
}

/// Every rule or step as (name, bound, advice, parameters).
template <class Row>
py::list table_of(std::span<const Row> rows) {
  py::list table;
  for (const Row& row : rows) {
    table.append(py::make_tuple(row.name, row.bound, row.advice, parameters_of(row.parameters)));
  }
  return table;
}

/// What `rule` does with n float32 vectors: (takes distances, sorts columns).
std::pair<bool, bool> work_of(const std::string& rule, int n) {
  const byzccl::Plan plan = byzccl::plan(byzccl::Rule::parse(rule), n, byzccl::DType::kFloat32);
  return {plan.needs_distances, plan.combiner == byzccl::Combiner::kColumns};
}

/// What this was compiled with, and what it runs on; "cuda" 0: built without, or "cuda_unloadable".
py::dict build_info() {
  py::dict info;
#ifdef __clang__
  info["compiler"] = __VERSION__;
#else
  info["compiler"] = "g++ " __VERSION__;
#endif
  info["torch"] = TORCH_VERSION;
  info["kind"] = byzccl::kind();
  const byzccl::torch::CudaBuild cuda = byzccl::torch::cuda_build();
  info["cuda"] = cuda.compiled_runtime;
  info["cuda_runtime"] = cuda.runtime;
  info["cuda_driver"] = cuda.driver;
  info["cuda_architectures"] = cuda.architectures;
  info["nccl"] = cuda.compiled_nccl;
  info["nccl_runtime"] = cuda.nccl;
  info["cuda_unloadable"] = cuda.unloadable;
  return info;
}

void bind_communicator(py::module_& m) {
  py::class_<Pending, Holder<Pending>>(m, "Pending")
      .def("wait",
           [](Pending& pending) {
             byzccl::torch::await(pending);
             const py::gil_scoped_release release;
             pending.wait();
           })
      .def("done", &Pending::done, NoGil())
      .def("report", [](Pending& pending) {
        byzccl::torch::await(pending);
        const py::gil_scoped_release release;
        return pending.report();
      });

  py::class_<Exchange, Holder<Exchange>>(m, "Exchange")
      .def("add", &Exchange::add, py::arg("tensor"), py::arg("previous") = std::nullopt, NoGil())
      .def("refuse", &Exchange::refuse, py::arg("mistake"), NoGil())
      .def("finish", &Exchange::finish, NoGil());

  py::class_<Wire>(m, "Wire").def(py::init([](std::int64_t delay_ms, const std::string& deceit) {
                                    return Wire{delay_ms, deceit};
                                  }),
                                  py::arg("delay_ms") = 0, py::arg("deceit") = "none");

  // Shared: a Reducer's hook uses it for as long as it is there.
  py::class_<Communicator, std::shared_ptr<Communicator>>(m, "Communicator")
      .def(py::init([](const Met& met, const c10::intrusive_ptr<c10d::Store>& store,
                       const std::string& algorithm, std::int64_t timeout_ms,
                       std::int64_t chunk_bytes, const Wire& wire, const at::Device& device) {
             const py::gil_scoped_release release;
             return std::shared_ptr<Communicator>(
                 make(met, store, algorithm, timeout_ms, chunk_bytes, wire, device).release(),
                 byzccl::torch::WithoutGil<Communicator>());
           }),
           py::arg("met"), py::arg("store"), py::arg("algorithm"), py::arg("timeout_ms"),
           py::arg("chunk_bytes"), py::arg("wire") = Wire(),
           py::arg("device") = at::Device(at::kCPU))
      .def_property_readonly("rank", &Communicator::rank)
      .def_property_readonly("size", &Communicator::size)
      .def_property_readonly("algorithm",
                             [](const Communicator& c) { return byzccl::to_text(c.algorithm()); })
      .def_property_readonly("bytes_sent", &Communicator::bytes_sent)
      .def_property_readonly("bytes_received", &Communicator::bytes_received)
      .def(
          "all_reduce",
          [](Communicator& c, at::Tensor tensor, const std::string& rule,
             std::optional<at::Tensor> previous) {
            return told(c, rule, [&](const byzccl::Rule& parsed) {
              return c.all_reduce(std::move(tensor), parsed, std::move(previous));
            });
          },
          py::arg("tensor"), py::arg("rule"), py::arg("previous") = std::nullopt, NoGil())
      .def(
          "reduce",
          [](Communicator& c, at::Tensor tensor, const std::string& rule, int root) {
            return told(c, rule, [&](const byzccl::Rule& parsed) {
              return c.reduce(std::move(tensor), parsed, root);
            });
          },
          py::arg("tensor"), py::arg("rule"), py::arg("root"), NoGil())
      .def(
          "reduce_scatter",
          [](Communicator& c, at::Tensor out, at::Tensor in, const std::string& rule) {
            return told(c, rule, [&](const byzccl::Rule& parsed) {
              return c.reduce_scatter(std::move(out), std::move(in), parsed);
            });
          },
          py::arg("output"), py::arg("input"), py::arg("rule"), NoGil())
      .def(
          "begin",
          [](Communicator& c, const std::string& rule) {
            return told(c, rule, [&](const byzccl::Rule& parsed) { return c.begin(parsed); });
          },
          py::arg("rule"), NoGil())
      .def(
          "refuse", [](Communicator& c, const std::string& mistake) { c.refuse(mistake); },
          py::arg("mistake"), NoGil())
      .def(
          "abort", [](Communicator& c, const std::string& reason) { c.abort(reason); },
          py::arg("reason"), NoGil());

  py::class_<WholeExchange, Holder<WholeExchange>>(m, "WholeExchange")
      .def(py::init([](std::shared_ptr<Communicator> communicator, const std::string& rule,
                       std::vector<at::Tensor> tensors) {
             return Holder<WholeExchange>(new WholeExchange(
                 std::move(communicator), byzccl::Rule::parse(rule), std::move(tensors)));
           }),
           py::arg("communicator"), py::arg("rule"), py::arg("tensors"))
      .def("run", &WholeExchange::run, NoGil())
      .def("is_done", &WholeExchange::is_done);
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  py::register_exception_translator(&byzccl::torch::translate);
  byzccl::torch::bind_report(m);
  bind_communicator(m);
  m.def("meet", &meet, py::arg("store"), py::arg("rank"), py::arg("size"), py::arg("timeout_ms"),
        py::arg("device"), py::arg("what") = "communicator");
  byzccl::torch::bind_node(m);
  byzccl::torch::bind_reducer(m);
  m.def("descriptors", &descriptors, py::arg("size"));
  m.def("rule_table", [] { return table_of(byzccl::rule_table()); });
  m.def("step_table", [] { return table_of(byzccl::step_table()); });
  m.def("work_of", &work_of, py::arg("rule"), py::arg("n"));
  m.def("build_info", &build_info);
  m.def(
      "needs_previous",
      [](const std::string& rule) {
        return byzccl::row_of(byzccl::Rule::parse(rule).kind).needs_previous;
      },
      py::arg("rule"));
  m.def(
      "canonical",
      [](const std::string& rule) { return byzccl::to_text(byzccl::Rule::parse(rule)); },
      py::arg("rule"));
  byzccl::torch::bind_attack(m);
  m.attr("version") = BYZCCL_VERSION;
}
