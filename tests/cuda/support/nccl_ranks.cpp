// SPDX-License-Identifier: MIT
#include "tests/cuda/support/nccl_ranks.hpp"

#include <nccl.h>

#include <stdexcept>
#include <thread>
#include <utility>

#include "cuda_on_cpu/nccl.hpp"
#include "cuda_on_cpu/runtime.hpp"

namespace byzccl::test {
namespace {

/// A communicator as a caller may bring it, which blocks.
class Parent {
 public:
  Parent(const ncclUniqueId& id, int rank, int size) {
    ncclCommInitRankConfig(&comm_, size, id, rank, nullptr);
  }
  ~Parent() { ncclCommDestroy(comm_); }
  Parent(const Parent&) = delete;
  Parent& operator=(const Parent&) = delete;
  ncclComm_t get() const { return comm_; }

 private:
  ncclComm_t comm_ = nullptr;
};

}  // namespace

void run_nccl(int n, const std::function<void(NcclRank&)>& fn, Way way,
              std::chrono::milliseconds timeout) {
  auto ends = local_transports(n);
  const UniqueId id = unique_id();
  ncclUniqueId parents;
  ncclGetUniqueId(&parents);
  run(n, [&](int number) {
    cudaSetDevice(number % cuda_on_cpu::machine().devices);
    std::shared_ptr<Transport> control = std::move(ends[static_cast<std::size_t>(number)]);
    std::shared_ptr<Transport> transport;
    if (way == Way::kControl) transport = nccl_transport(std::move(control), timeout);
    if (way == Way::kId) transport = nccl_transport(id, number, n, timeout);
    if (way == Way::kSplit) {
      const Parent parent(parents, number, n);
      transport = nccl_transport(parent.get(), std::move(control), timeout);
    }
    NcclRank rank(std::move(transport));
    fn(rank);
  });
  if (cuda_on_cpu::nccl_communicators() != 0) {
    throw std::runtime_error("a communicator was neither destroyed nor aborted");
  }
}

std::optional<PeerError> peer_error(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const PeerError& error) {
    return error;
  }
  return std::nullopt;
}

}  // namespace byzccl::test
