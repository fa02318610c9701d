// SPDX-License-Identifier: MIT
// The communicator for tensors: checks them, keeps them alive, passes pointers on.

#include <optional>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"
#include "rows.hpp"

namespace byzccl::torch {

/// One reduction and the tensors that it may touch until it is done.
struct Pending::Flight {
  std::vector<at::Tensor> tensors;
  std::optional<byzccl::Exchange> exchange;
  std::optional<byzccl::Pending> pending;

  void* keep(at::Tensor tensor) {
    tensors.push_back(std::move(tensor));
    return tensors.back().data_ptr();
  }
};

namespace {

/// The library writes to `tensor` behind autograd's back.
void mark_written(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

}  // namespace

void Pending::wait() {
  try {
    flight_->pending->wait();
  } catch (...) {
    flight_->tensors.clear();
    throw;
  }
  flight_->tensors.clear();
}
bool Pending::done() const { return flight_->pending->done(); }
Report Pending::report() { return flight_->pending->report(); }

void Exchange::add(at::Tensor tensor) {
  check_flat(tensor, "tensor");
  mark_written(tensor);
  const std::int64_t d = tensor.numel();
  const DType dtype = dtype_of(tensor.scalar_type());
  flight_->exchange->add(flight_->keep(std::move(tensor)), d, dtype);
}

Pending Exchange::finish() {
  follow_torch_threads();
  flight_->pending = flight_->exchange->finish();
  return Pending(flight_);
}

Communicator::Communicator(std::shared_ptr<Transport> transport, CommunicatorOptions options)
    : core_(std::make_unique<byzccl::Communicator>(std::move(transport), options)) {}

Communicator::~Communicator() = default;

std::shared_ptr<Pending::Flight> Communicator::launch() {
  std::erase_if(flights_, [](const auto& flight) {
    return flight->pending ? flight->pending->done() : !flight->exchange;
  });
  follow_torch_threads();
  return flights_.emplace_back(std::make_shared<Pending::Flight>());
}

Pending Communicator::all_reduce(at::Tensor tensor, const Rule& rule) {
  check_flat(tensor, "tensor");
  mark_written(tensor);
  const std::int64_t d = tensor.numel();
  const DType dtype = dtype_of(tensor.scalar_type());
  auto flight = launch();
  flight->pending = core_->all_reduce(flight->keep(std::move(tensor)), d, dtype, rule);
  return Pending(std::move(flight));
}

Pending Communicator::reduce(at::Tensor tensor, const Rule& rule, int root) {
  check_flat(tensor, "tensor");
  mark_written(tensor);
  const std::int64_t d = tensor.numel();
  const DType dtype = dtype_of(tensor.scalar_type());
  auto flight = launch();
  flight->pending = core_->reduce(flight->keep(std::move(tensor)), d, dtype, rule, root);
  return Pending(std::move(flight));
}

Pending Communicator::reduce_scatter(at::Tensor out, at::Tensor in, const Rule& rule) {
  check_flat(in, "in");
  check_flat(out, "out");
  const std::int64_t d = in.numel();
  BYZCCL_CHECK(out.scalar_type() == in.scalar_type(), "out and in must have the same dtype");
  BYZCCL_CHECK(out.numel() * size() == d, "in must have n times the elements of out, got ", d,
               " and ", out.numel(), " with n = ", size());
  mark_written(out);
  const DType dtype = dtype_of(in.scalar_type());
  auto flight = launch();
  const void* from = flight->keep(std::move(in));
  void* to = flight->keep(std::move(out));
  flight->pending = core_->reduce_scatter(from, to, d, dtype, rule);
  return Pending(std::move(flight));
}

Exchange Communicator::begin(const Rule& rule) {
  auto flight = launch();
  flight->exchange = core_->begin(rule);
  return Exchange(std::move(flight));
}

}  // namespace byzccl::torch
