// SPDX-License-Identifier: MIT
#include "benchmarks/gpu/timer.hpp"

#include <algorithm>
#include <vector>

#include "benchmarks/gpu/device.hpp"
#include "benchmarks/gpu/loops.hpp"
#include "csrc/cuda/owners.hpp"

namespace byzccl::bench {

using cuda::check;

Timer::Timer(cudaStream_t stream, const Patience& patience)
    : stream_(stream),
      patience_(patience),
      flush_bytes_(2 * cache_bytes()),
      flush_(cuda::allocate(flush_bytes_ + 16, stream)) {
  check(cudaMemsetAsync(flush_.get(), 0, flush_bytes_ + 16, stream), "cudaMemsetAsync");
  for (int i = 0; i < kMost; ++i) {
    check(cudaEventCreateWithFlags(&begin_[i], cudaEventDefault), "cudaEventCreateWithFlags");
    check(cudaEventCreateWithFlags(&end_[i], cudaEventDefault), "cudaEventCreateWithFlags");
  }
}

Timer::~Timer() {
  for (int i = 0; i < kMost; ++i) {
    cudaEventDestroy(begin_[i]);
    cudaEventDestroy(end_[i]);
  }
}

void Timer::clear_cache() const {
  const auto sink = static_cast<std::byte*>(flush_.get()) + flush_bytes_;
  read_all(flush_.get(), flush_bytes_, 8 * multiprocessors(), reinterpret_cast<unsigned*>(sink),
           stream_);
}

Times Timer::time_of(const std::function<void()>& work, int calls) const {
  const auto enqueue = [&](int count) {
    for (int i = 0; i < count; ++i) {
      clear_cache();
      check(cudaEventRecord(begin_[i], stream_), "cudaEventRecord");
      work();
      check(cudaEventRecord(end_[i], stream_), "cudaEventRecord");
    }
    check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize");
  };
  const auto seconds_of = [&](int i) {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin_[i], end_[i]), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds) / calls;
  };
  enqueue(1);
  const double once = std::max(seconds_of(0) * calls, 1e-6);
  // What takes longer than all of the patience is measured once more only.
  const double least = once > patience_.seconds ? 1 : patience_.least;
  const int repetitions =
      static_cast<int>(std::clamp(patience_.seconds / once, least, double(kMost)));
  enqueue(repetitions);
  std::vector<double> seconds;
  for (int i = 0; i < repetitions; ++i) seconds.push_back(seconds_of(i));
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2], repetitions};
}

}  // namespace byzccl::bench
