// SPDX-License-Identifier: MIT
// The communicator for tensors: checks them, keeps them alive, passes pointers on.

#include <c10/core/DeviceGuard.h>

#include <algorithm>
#include <byzccl/error.hpp>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"
#include "on_cuda.hpp"
#include "rows.hpp"

namespace byzccl::torch {

namespace {

/// Of tensors that a device would not let go of: their memory has no other owner any more.
void keep_for_good(std::vector<at::Tensor> tensors) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::vector<at::Tensor>>;
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(tensors));
}

}  // namespace

/// One reduction and the tensors that it may touch until it is done.
struct Pending::Flight {
  Flight(at::Device where, std::weak_ptr<byzccl::Communicator> whose,
         std::shared_ptr<std::mutex> turns)
      : device(where), core(std::move(whose)), turn(std::move(turns)) {}

  at::Device device;
  std::weak_ptr<byzccl::Communicator> core;
  std::shared_ptr<std::mutex> turn;  ///< the communicator's: guards tensors, and one call at a time
  std::vector<at::Tensor> tensors = {};
  std::optional<byzccl::Pending> pending = {};

  ~Flight() {
    if (pending && pending->in_use()) keep_for_good(std::move(tensors));
  }

  /// The next call of the core takes its tensors in the order of torch's current stream.
  void follow_stream() const {
    if (device.is_cpu()) return;
    CUstream_st* const stream = current_stream(device);
    if (const auto communicator = core.lock()) communicator->use_stream(stream);
  }

  /// Lets go of the tensors: on a CUDA device, whose memory goes on only after the reduction.
  void wait() {
    CUstream_st* const stream = device.is_cpu() ? nullptr : current_stream(device);
    try {
      pending->wait(stream);
    } catch (...) {
      if (!pending->in_use()) take_tensors();
      throw;
    }
    const std::vector<at::Tensor> done = take_tensors();
    if (device.is_cpu()) return;
    for (const at::Tensor& tensor : done) record_current_stream(tensor);
  }

  /// Of several threads that wait for one reduction, one gets them.
  std::vector<at::Tensor> take_tensors() {
    const std::lock_guard lock(*turn);
    return std::exchange(tensors, {});
  }

  void* keep(at::Tensor tensor) {
    tensors.push_back(std::move(tensor));
    return tensors.back().data_ptr();
  }
  const void* keep(std::optional<at::Tensor> tensor) {
    return tensor ? keep(std::move(*tensor)) : nullptr;
  }
};

namespace {

/// The library writes to `tensor` behind autograd's back.
void mark_written(const at::Tensor& tensor) {
  if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
}

void check_with_previous(const at::Tensor& tensor, const std::optional<at::Tensor>& previous,
                         at::Device device) {
  check_flat(tensor, "tensor", device);
  if (!previous) return;
  check_flat(*previous, "previous", device);
  BYZCCL_CHECK(previous->scalar_type() == tensor.scalar_type(),
               "previous must have the tensor's dtype");
  BYZCCL_CHECK(previous->numel() == tensor.numel(),
               "previous must have as many elements as tensor, ", "got ", previous->numel(),
               " and ", tensor.numel());
}

}  // namespace

void Pending::wait() { flight_->wait(); }
bool Pending::wait_for(std::chrono::milliseconds time) const {
  return flight_->pending->wait_for(time);
}
bool Pending::done() const { return flight_->pending->done(); }
Report Pending::report() { return flight_->pending->report(); }

void Exchange::add(at::Tensor tensor, std::optional<at::Tensor> previous) {
  const std::lock_guard lock(*flight_->turn);
  try {
    check_with_previous(tensor, previous, flight_->device);
    flight_->follow_stream();
  } catch (const InvalidArgument& error) {
    core_.refuse(error.what());
    throw;
  }
  mark_written(tensor);
  const std::int64_t d = tensor.numel();
  const DType dtype = dtype_of(tensor.scalar_type());
  void* const x = flight_->keep(std::move(tensor));
  core_.add(x, d, dtype, flight_->keep(std::move(previous)));
}

void Exchange::refuse(const std::string& mistake) {
  const std::lock_guard lock(*flight_->turn);
  core_.refuse(mistake);
}

Pending Exchange::finish() {
  const std::lock_guard lock(*flight_->turn);
  follow_torch_threads();
  flight_->follow_stream();
  flight_->pending = core_.finish();
  return Pending(flight_);
}

Communicator::Communicator(std::shared_ptr<Transport> transport, CommunicatorOptions options,
                           at::Device device)
    : device_(device) {
  const c10::DeviceGuard guard(device);
  core_ = std::make_shared<byzccl::Communicator>(std::move(transport), options);
}

Communicator::~Communicator() = default;

template <class F>
void Communicator::check(F&& checks) {
  try {
    checks();
  } catch (const InvalidArgument& error) {
    refuse(error.what());
    throw;
  }
}

/// Work is done in the order of the calls: when one is, so are all before it, but for what a device
/// would not let go of.
void Communicator::drop_ended() {
  const auto ended = std::find_if(flights_.rbegin(), flights_.rend(), [](const auto& flight) {
    return flight->pending && !flight->pending->in_use();
  });
  flights_.erase(std::remove_if(flights_.begin(), ended.base(),
                                [](const auto& flight) {
                                  return !flight->pending || !flight->pending->in_use();
                                }),
                 ended.base());
}

std::shared_ptr<Pending::Flight> Communicator::launch() {
  follow_torch_threads();
  const auto flight = std::make_shared<Pending::Flight>(device_, core_, turn_);
  check([&] { flight->follow_stream(); });  // first: a graph's capture is no time to look at events
  drop_ended();
  return flights_.emplace_back(flight);
}

void Communicator::refuse(std::string_view mistake) noexcept {
  try {
    core_->begin(Rule::parse("mean")).refuse(mistake);
  } catch (const std::exception&) {  // an exchange is open: the mistake is not a call of its own
  }
}

Pending Communicator::all_reduce(at::Tensor tensor, const Rule& rule,
                                 std::optional<at::Tensor> previous) {
  const std::lock_guard lock(*turn_);
  check([&] { check_with_previous(tensor, previous, device_); });
  mark_written(tensor);
  const std::int64_t d = tensor.numel();
  const DType dtype = dtype_of(tensor.scalar_type());
  auto flight = launch();
  void* const x = flight->keep(std::move(tensor));
  const void* const v = flight->keep(std::move(previous));
  flight->pending = core_->all_reduce(x, d, dtype, rule, v);
  return Pending(std::move(flight));
}

Pending Communicator::reduce(at::Tensor tensor, const Rule& rule, int root) {
  const std::lock_guard lock(*turn_);
  check([&] { check_flat(tensor, "tensor", device_); });
  mark_written(tensor);
  const std::int64_t d = tensor.numel();
  const DType dtype = dtype_of(tensor.scalar_type());
  auto flight = launch();
  flight->pending = core_->reduce(flight->keep(std::move(tensor)), d, dtype, rule, root);
  return Pending(std::move(flight));
}

Pending Communicator::reduce_scatter(at::Tensor out, at::Tensor in, const Rule& rule) {
  const std::lock_guard lock(*turn_);
  check([&] {
    check_flat(in, "in", device_);
    check_flat(out, "out", device_);
    BYZCCL_CHECK(out.scalar_type() == in.scalar_type(), "out and in must have the same dtype");
    BYZCCL_CHECK(out.numel() * size() == in.numel(), "in must have n times the elements of out, ",
                 "got ", in.numel(), " and ", out.numel(), " with n = ", size());
  });
  const std::int64_t d = in.numel();
  mark_written(out);
  const DType dtype = dtype_of(in.scalar_type());
  auto flight = launch();
  const void* from = flight->keep(std::move(in));
  void* to = flight->keep(std::move(out));
  flight->pending = core_->reduce_scatter(from, to, d, dtype, rule);
  return Pending(std::move(flight));
}

Exchange Communicator::begin(const Rule& rule) {
  const std::lock_guard lock(*turn_);
  auto flight = launch();
  return {std::move(flight), core_->begin(rule)};
}

}  // namespace byzccl::torch
