// SPDX-License-Identifier: MIT
// byzccl over torch: tensors instead of pointers, and ranks that meet in a c10d::Store. No Python.

#pragma once

#include <ATen/core/Tensor.h>

#include <byzccl/communicator.hpp>
#include <byzccl/node.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace byzccl::torch {

/// Messages over the send and recv of `backend`, the board over `store`.
///
/// Gloo closes every connection of a group when one wait runs out of time, and abort() makes use of
/// that to tell the peers. So the backend must serve this transport alone.
///
/// `store_host` is the rank with whose process the store ends: it is named when the store is out of
/// reach. -1: none, or it is not known.
///
/// @throws TransportError if the store cannot be reached
std::shared_ptr<Transport> c10d_transport(c10::intrusive_ptr<c10d::Backend> backend,
                                          const c10::intrusive_ptr<c10d::Store>& store,
                                          int store_host = -1);

/// Messages of tensors on `device`, a CUDA device, over an NCCL communicator of its own; `control`,
/// which reaches the same ranks from host memory, carries all else. All ranks call it at once. A
/// rank that keeps the others waiting for longer than `timeout` is named.
///
/// @throws InvalidArgument if `device` is none of CUDA's, CudaError if this build has no CUDA or no
///         NCCL, TransportError, NcclError; `control` is aborted then
std::shared_ptr<Transport> cuda_transport(std::shared_ptr<Transport> control, at::Device device,
                                          std::chrono::milliseconds timeout);

/// `inner`, with every message held back for `delay` before it leaves: a slow network for tests
/// and experiments.
std::shared_ptr<Transport> delayed_transport(std::shared_ptr<Transport> inner,
                                             std::chrono::milliseconds delay);

/// A reduction that may still be under way. It keeps its tensors.
class Pending {
 public:
  struct Flight;
  explicit Pending(std::shared_ptr<Flight> flight) : flight_(std::move(flight)) {}
  /// On a CUDA device, as any work of torch: torch's current stream comes after the reduction, and
  /// the host does not wait for the device.
  void wait();
  /// As byzccl::Pending::wait_for.
  bool wait_for(std::chrono::milliseconds time) const;
  /// On a CUDA device: the device is done.
  bool done() const;
  Report report();

 private:
  std::shared_ptr<Flight> flight_;
};

/// One reduction in pieces, as byzccl::Exchange.
class Exchange {
 public:
  Exchange(std::shared_ptr<Pending::Flight> flight, byzccl::Exchange core)
      : flight_(std::move(flight)), core_(std::move(core)) {}
  /// Starts to exchange the tensor and returns. finish() writes the result over it. `previous`, of
  /// as many elements and the same dtype, is for rules that need the previous output.
  void add(at::Tensor tensor, std::optional<at::Tensor> previous = std::nullopt);
  /// Stands for an add that the caller's mistake prevents: the others learn of it, not wait.
  void refuse(const std::string& mistake);
  Pending finish();

 private:
  std::shared_ptr<Pending::Flight> flight_;
  byzccl::Exchange core_;  // not the flight's, which the communicator keeps: dropped with this
};

/// byzccl::Communicator for tensors: dense, contiguous, on its device, float32, float16, bfloat16
/// or float64; others throw InvalidArgument. A tensor under way is kept alive. Threads may share
/// one, its exchanges and its reductions; that all ranks make the same calls in the same order is
/// theirs to see to.
///
/// On a CUDA device each call takes its tensors in the order of torch's current stream. A CUDA
/// graph cannot capture one: ranks agree on each from the host.
class Communicator {
 public:
  /// `device` is where the transport's messages lie: the CPU, or that of cuda_transport().
  explicit Communicator(std::shared_ptr<Transport> transport, CommunicatorOptions options = {},
                        at::Device device = at::kCPU);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return core_->rank(); }
  int size() const { return core_->size(); }
  Algorithm algorithm() const { return core_->algorithm(); }
  at::Device device() const { return device_; }

  /// `previous` as in Exchange::add.
  Pending all_reduce(at::Tensor tensor, const Rule& rule,
                     std::optional<at::Tensor> previous = std::nullopt);
  Pending reduce(at::Tensor tensor, const Rule& rule, int root);
  /// `out` has 1/n of the elements of `in`.
  Pending reduce_scatter(at::Tensor out, at::Tensor in, const Rule& rule);
  Exchange begin(const Rule& rule);
  /// Stands for a call that the caller's mistake prevents: the others learn of it, not wait.
  void refuse(std::string_view mistake) noexcept;

  std::int64_t bytes_received() const { return core_->bytes_received(); }
  std::int64_t bytes_sent() const { return core_->bytes_sent(); }
  void abort(std::string_view reason) noexcept { core_->abort(reason); }

 private:
  std::shared_ptr<Pending::Flight> launch();
  void drop_ended();
  /// Runs `checks`; a mistake that they find goes round before it is raised.
  template <class F>
  void check(F&& checks);

  const at::Device device_;
  const std::shared_ptr<std::mutex> turn_ = std::make_shared<std::mutex>();
  std::list<std::shared_ptr<Pending::Flight>> flights_;  // keeps what may still be touched
  std::shared_ptr<byzccl::Communicator> core_;           // so it goes before them
};

/// The communicator of `size` ranks that meet in `store` and talk over a Gloo backend of its own;
/// tensors on a CUDA device travel over NCCL. Ranks that call this again on one store must wrap it
/// in a new c10d::PrefixStore each time.
std::unique_ptr<Communicator> make_communicator(const c10::intrusive_ptr<c10d::Store>& store,
                                                int rank, int size,
                                                CommunicatorOptions options = {},
                                                at::Device device = at::kCPU);

/// The ranks that meet for a node.
struct NodeGroup {
  c10::intrusive_ptr<c10d::Store> store;
  int rank = 0;
  int size = 1;
  /// How long one rank may keep the others waiting: to come, and then to connect.
  std::chrono::milliseconds timeout{300'000};
};

/// The node of ranks that meet in a store, as those of make_communicator(), and talk over a Gloo
/// backend of its own. The store is not used after they have met.
/// @throws InvalidArgument, TransportError
std::unique_ptr<Node> make_node(const NodeGroup& group, std::int64_t count, DType dtype,
                                NodeOptions options = {});

}  // namespace byzccl::torch
