// SPDX-License-Identifier: MIT
// One rank's end of a communicator of the NCCL double.

#pragma once

#include <nccl.h>

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "cuda_on_cpu/nccl_clique.hpp"
#include "cuda_on_cpu/runtime.hpp"

namespace cuda_on_cpu {

/// Groups that are on a stream and not yet done.
class Outstanding {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
  }
  void remove() {
    const std::lock_guard lock(mutex_);
    --count_;
    changed_.notify_all();
  }
  bool none() {
    const std::lock_guard lock(mutex_);
    return count_ == 0;
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

/// The messages of one communicator in a group.
struct Group {
  cudaStream_t stream = nullptr;
  std::vector<Message> messages;
};

/// Says on stderr why a call is refused.
ncclResult_t refuse(ncclResult_t result, const char* why);

}  // namespace cuda_on_cpu

struct ncclComm {
 public:
  ncclComm(std::shared_ptr<cuda_on_cpu::Clique> ranks, int own_rank, bool waits);
  ~ncclComm();
  ncclComm(const ncclComm&) = delete;
  ncclComm& operator=(const ncclComm&) = delete;

  /// ncclSuccess if a new operation may begin; else says why not, loudly.
  ncclResult_t ready(const char* call);
  /// One look at what is under way; it goes on only here unless the communicator blocks.
  ncclResult_t poll();
  ncclResult_t launch(cuda_on_cpu::Group group);
  ncclResult_t split(int color, int key, ncclComm** part, bool part_waits);
  ncclResult_t finalize();
  void say(std::string message) { last_error = std::move(message); }

  const std::shared_ptr<cuda_on_cpu::Clique> clique;
  const int rank;
  const int device = cuda_on_cpu::current_device();
  const bool blocking;
  const std::shared_ptr<cuda_on_cpu::Outstanding> outstanding =
      std::make_shared<cuda_on_cpu::Outstanding>();
  std::string last_error;

 private:
  struct Split {
    std::size_t round;
    ncclComm** part;
    bool part_waits;
  };

  void finish_split(const Split& asked);
  ncclResult_t enqueue(const cuda_on_cpu::Group& group);
  void begin();

  bool joined_ = false;
  std::optional<cuda_on_cpu::Group> launching_;
  std::optional<Split> splitting_;
  bool finalizing_ = false;
  bool finalized_ = false;
  std::uint64_t polls_ = 0;  // before what is under way may end
  std::optional<cudaStream_t> stream_;
};
