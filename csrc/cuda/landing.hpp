// SPDX-License-Identifier: MIT
// Memory for messages to land in.

#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include "csrc/cuda/owners.hpp"

namespace byzccl::cuda {

/// Memory that is taken in the order of one stream, `filled`, and whose last reader is another,
/// `read`. Given back to its source in the order of `filled` at once, the next message could land
/// in it before it is read; made to wait there, messages would wait for the reader. So it is kept
/// here until the reader is past.
class Landing {
 public:
  Landing(cudaStream_t filled, cudaStream_t read) : filled_(filled), read_(read) {}
  /// Waits for the reader.
  ~Landing();
  Landing(const Landing&) = delete;
  Landing& operator=(const Landing&) = delete;

  /// `filled` may write it at once. Of the current device.
  std::shared_ptr<void> take(std::size_t bytes);
  /// What take() gave on `device`, once all that reads it is enqueued. Any thread.
  void retire(std::shared_ptr<void> memory, int device) noexcept;

 private:
  struct Retired {
    std::shared_ptr<void> memory;
    std::unique_ptr<Event> read;
  };

  const cudaStream_t filled_;
  const cudaStream_t read_;
  std::mutex mutex_;
  std::deque<Retired> retired_;  // in the order of the reader
};

}  // namespace byzccl::cuda
