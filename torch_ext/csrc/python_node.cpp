// SPDX-License-Identifier: MIT
#include "python_node.hpp"

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <byzccl/node.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"
#include "python_holder.hpp"
#include "rows.hpp"

namespace byzccl::torch {
namespace {

using std::chrono::milliseconds;

/// Between two looks for signals.
constexpr milliseconds kSlice{50};

/// A backend, and the rank that hosts the store, or -1.
using Met = std::pair<c10::intrusive_ptr<c10d::Backend>, int>;

at::ScalarType type_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return at::kHalf;
    case DType::kBFloat16:
      return at::kBFloat16;
    case DType::kFloat64:
      return at::kDouble;
    case DType::kFloat32:
      break;
  }
  return at::kFloat;
}

std::unique_ptr<Node> make(const Met& met, const c10::intrusive_ptr<c10d::Store>& store,
                           std::int64_t count, at::ScalarType type, const NodeOptions& options) {
  const DType dtype = dtype_of(type);
  const py::gil_scoped_release release;
  return std::make_unique<Node>(c10d_transport(met.first, store, met.second), count, dtype,
                                options);
}

/// @throws InvalidArgument unless it is one of the node's vectors
const void* vector_of(const Node& node, const at::Tensor& tensor, std::string_view name) {
  check_flat(tensor, name, at::kCPU);
  BYZCCL_CHECK(dtype_of(tensor.scalar_type()) == node.dtype(), name, " must be ",
               to_text(node.dtype()), ", as the node's vectors, got ",
               c10::toString(tensor.scalar_type()));
  BYZCCL_CHECK(tensor.numel() == node.count(), name, " must have the node's ", node.count(),
               " elements, got ", tensor.numel());
  return tensor.const_data_ptr();
}

/// Of `ms` from now on; torch's longest wait is less than a month.
Deadline after(std::int64_t ms) { return Clock::now() + milliseconds(ms); }

/// Waits in slices, between which signals' handlers run; what one raises is thrown.
template <class Wait>
void wait_in_slices(Deadline deadline, const Wait& wait) {
  while (true) {
    {
      const py::gil_scoped_release release;
      if (wait(std::min(deadline, Clock::now() + kSlice))) return;
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (Clock::now() >= deadline) return;
  }
}

/// The tensor of a vector that came. It keeps the memory.
at::Tensor tensor_of(const Node& node, std::shared_ptr<const void> owner) {
  void* const data = const_cast<void*>(owner.get());
  return at::from_blob(
      data, {node.count()}, [owner = std::move(owner)](void*) {},
      at::TensorOptions(type_of(node.dtype())));
}

std::pair<std::vector<int>, std::vector<at::Tensor>> collect(Node& node, Quorum quorum,
                                                             std::int64_t timeout_ms,
                                                             const std::optional<at::Tensor>& own) {
  if (own) quorum.own = vector_of(node, *own, "own");
  const Deadline deadline = after(timeout_ms);
  wait_in_slices(deadline, [&](Deadline end) { return node.wait(quorum, end); });
  const py::gil_scoped_release release;
  Collected collected = node.collect(quorum, deadline);
  std::vector<at::Tensor> rows;
  auto owner = collected.owners.begin();
  for (const int rank : collected.ranks) {
    const bool mine = own && rank == node.rank();
    rows.push_back(mine ? *own : tensor_of(node, std::move(*owner++)));
  }
  return {std::move(collected.ranks), std::move(rows)};
}

bool flush(Node& node, std::int64_t timeout_ms) {
  bool flushed = false;
  wait_in_slices(after(timeout_ms), [&](Deadline end) { return flushed = node.flush(end); });
  return flushed;
}

/// (gone, why, late, replayed) of each rank.
py::list accounts(const Node& node) {
  py::list list;
  for (const PeerAccount& account : node.accounts()) {
    const py::str why = py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(
        account.why.data(), static_cast<Py_ssize_t>(account.why.size()), "replace"));
    list.append(py::make_tuple(account.gone, why, account.late, account.replayed));
  }
  return list;
}

}  // namespace

void bind_node(py::module_& m) {
  py::class_<NodeOptions>(m, "NodeOptions")
      .def(py::init([](int kinds, int kept, int unsent) {
             return NodeOptions{.kinds = kinds, .kept = kept, .unsent = unsent, .clock = {}};
           }),
           py::arg("kinds"), py::arg("kept"), py::arg("unsent"));

  py::class_<Quorum>(m, "Quorum")
      .def(py::init([](int kind, std::int64_t step, int q, std::vector<int> sources) {
             return Quorum{kind, step, q, std::move(sources), {}};
           }),
           py::arg("kind"), py::arg("step"), py::arg("q"), py::arg("sources"));

  py::class_<Node, Holder<Node>>(m, "Node")
      .def(py::init([](const Met& met, const c10::intrusive_ptr<c10d::Store>& store,
                       std::int64_t count, const at::Tensor& like, const NodeOptions& options) {
             return Holder<Node>(make(met, store, count, like.scalar_type(), options).release());
           }),
           py::arg("met"), py::arg("store"), py::arg("count"), py::arg("like"), py::arg("options"))
      .def(
          "publish",
          [](Node& node, int kind, std::int64_t step, const at::Tensor& tensor,
             const std::vector<int>& to) {
            node.publish(kind, step, vector_of(node, tensor, "tensor"), to);
          },
          py::arg("kind"), py::arg("step"), py::arg("tensor"), py::arg("to"), NoGil())
      .def("collect", &collect, py::arg("quorum"), py::arg("timeout_ms"),
           py::arg("own") = std::nullopt)
      .def("flush", &flush, py::arg("timeout_ms"))
      .def("accounts", &accounts)
      .def_property_readonly("bytes_sent", &Node::bytes_sent)
      .def_property_readonly("bytes_received", &Node::bytes_received)
      .def("close", &Node::close, NoGil());
}

}  // namespace byzccl::torch
