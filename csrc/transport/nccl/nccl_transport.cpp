// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/nccl_transport.hpp"

#include <functional>
#include <utility>

#include "csrc/cuda/steps_cuda.hpp"
#include "csrc/transport/endpoint.hpp"

namespace byzccl::nccl {
namespace {

/// Waiting does not block the host: the steps' stream comes after the whole batch.
class BatchWork final : public Work {
 public:
  BatchWork(std::shared_ptr<Link> link, std::shared_ptr<Batch> batch)
      : link_(std::move(link)), batch_(std::move(batch)) {}

  void wait(Deadline) override {
    BYZCCL_CHECK(batch_->launched, "a message was waited for inside its batch");
    link_->comm->poll();
    if (batch_->held) return;
    batch_->done.hold(link_->streams->compute());
    batch_->held = true;
  }

 private:
  const std::shared_ptr<Link> link_;
  const std::shared_ptr<Batch> batch_;
};

class NcclTransport final : public Transport {
 public:
  NcclTransport(std::shared_ptr<Link> link, std::shared_ptr<Transport> control)
      : link_(std::move(link)), control_(std::move(control)), batches_(link_) {}

  int rank() const override { return control_->rank(); }
  int size() const override { return control_->size(); }
  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes, Channel) override {
    return post({true, peer, const_cast<void*>(data), bytes});
  }
  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel) override {
    return post({false, peer, data, bytes});
  }
  void start_batch() override { batches_.start(); }
  void end_batch() override { batches_.end(); }

  Transport& control() override { return *control_; }
  Board& board() override { return control_->board(); }

  void await_steps() override { link_->streams->comm_after_compute(); }
  std::unique_ptr<Steps> make_steps() override { return cuda::make_steps(link_->streams); }

  void poll() override { link_->comm->poll(); }
  void interrupt_by(std::function<void()> check) override {
    link_->comm->interrupt_by(std::move(check));
  }
  void abort() noexcept override {
    control_->abort();  // first: it wakes who waits for a header
    link_->comm->abort();
  }
  bool let_go() const noexcept override { return link_->comm->let_go(); }

 private:
  std::unique_ptr<Work> post(const Message& message) {
    transport::check_peer(message.peer, rank(), size());
    if (message.bytes == 0) return std::make_unique<transport::NoMessage>();
    return std::make_unique<BatchWork>(link_, batches_.add(message));
  }

  const std::shared_ptr<Link> link_;
  const std::shared_ptr<Transport> control_;
  Batches batches_;
};

}  // namespace

std::shared_ptr<Transport> make_transport(std::shared_ptr<Link> link,
                                          std::shared_ptr<Transport> control) {
  return std::make_shared<NcclTransport>(std::move(link), std::move(control));
}

}  // namespace byzccl::nccl
