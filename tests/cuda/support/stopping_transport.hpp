// SPDX-License-Identifier: MIT
// A rank that stops in the middle of a reduction over NCCL.

#pragma once

#include <atomic>
#include <byzccl/transport.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "support/passing_transport.hpp"

namespace byzccl::test {

// How long the others wait, and for which rule.
#if defined(__SANITIZE_THREAD__)  // a lane is a thread there, and ranks may well be slow
inline constexpr std::chrono::milliseconds kStopTimeout{2500};
inline const std::string kStopRule = "median";
#else
inline constexpr std::chrono::milliseconds kStopTimeout{600};
inline const std::string kStopRule = "geometric_median";
#endif
// In which all is over, on a busy machine too.
inline constexpr std::chrono::milliseconds kStopPatience{30'000};

/// Its rank stops before a batch of payload, and stays silent until it is released; or fails there.
class StoppingTransport final : public PassingTransport {
 public:
  StoppingTransport(std::shared_ptr<Transport> inner, int batches)
      : PassingTransport(std::move(inner)), left_(batches) {}

  void start_batch() override {
    if (left_-- == 0) {
      stopped = true;
      if (fails) throw std::runtime_error("out of memory");
      while (!released) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    PassingTransport::start_batch();
  }

  bool fails = false;
  std::atomic<bool> stopped{false};
  std::atomic<bool> released{false};

 private:
  int left_;
};

}  // namespace byzccl::test
