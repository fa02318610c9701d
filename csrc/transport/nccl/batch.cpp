// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/batch.hpp"

#include <utility>

namespace byzccl::nccl {

void Batches::start() {
  BYZCCL_CHECK(open_ == nullptr, "a batch of messages is open already");
  const cuda::DeviceScope scope(link_->streams->device());
  open_ = std::make_shared<Batch>();
}

void Batches::end() {
  BYZCCL_CHECK(open_ != nullptr, "no batch of messages is open");
  launch(*std::exchange(open_, nullptr));
}

std::shared_ptr<Batch> Batches::add(const Message& message, const HostCopy& host_copy) {
  const bool alone = open_ == nullptr;
  if (alone) start();
  const std::shared_ptr<Batch> batch = open_;
  batch->messages.push_back(message);
  if (host_copy.bytes > 0) batch->host_copies.push_back(host_copy);
  if (alone) end();
  return batch;
}

void Batches::launch(Batch& batch) {
  if (batch.messages.empty()) return;
  const cuda::DeviceScope scope(link_->streams->device());
  const cudaStream_t stream = link_->streams->comm();
  link_->comm->launch(batch.messages, stream, Clock::now() + link_->timeout);
  for (const HostCopy& host_copy : batch.host_copies) {
    cuda::check(cudaMemcpyAsync(host_copy.host, host_copy.device, host_copy.bytes,
                                cudaMemcpyDeviceToHost, stream),
                "cudaMemcpyAsync");
  }
  batch.done.record(stream);
  batch.launched = true;
}

}  // namespace byzccl::nccl
