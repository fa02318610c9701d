// SPDX-License-Identifier: MIT
// The device double itself: what it must find, and what it must get right.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cuda_on_cpu/device.hpp"
#include "cuda_on_cpu/run_kernel.hpp"
#include "cuda_on_cpu/runtime.hpp"
#include "kernels/copy_async.cuh"
#include "kernels/flag.cuh"
#include "kernels/launch_kernel.cuh"
#include "kernels/shared_memory.cuh"
#include "support/catch.hpp"

namespace byzccl::kernels {
namespace {

using cuda_on_cpu::device;
using cuda_on_cpu::DeviceError;
using test::each_way;
using test::run_kernel;

constexpr int kThreads = 96;

struct Reversed {
  int values[kThreads];
};

// Correct only with the barrier.
__global__ void reverse(const int* from, int* to) {
  auto& shared = shared_memory<Reversed>();
  shared.values[threadIdx.x] = from[blockIdx.x * blockDim.x + threadIdx.x];
  __syncthreads();
  to[blockIdx.x * blockDim.x + threadIdx.x] = shared.values[blockDim.x - 1 - threadIdx.x];
}

std::vector<int> reversed(int blocks) {
  std::vector<int> from(static_cast<std::size_t>(blocks * kThreads));
  std::iota(from.begin(), from.end(), 1);
  std::vector<int> to(from.size());
  run_kernel({unsigned(blocks), kThreads, sizeof(Reversed)}, reverse, from.data(), to.data());
  for (int i = 0; i < blocks * kThreads; ++i) {
    const int first = i / kThreads * kThreads;
    if (to[i] != from[first + kThreads - 1 - (i - first)]) return {};
  }
  return to;
}

TEST_CASE("a block exchanges through shared memory") {
  each_way([] { CHECK(!reversed(5).empty()); });
}

#if !defined(__SANITIZE_THREAD__)  // there it is a race, and ends the program

TEST_CASE("without its barrier a block reads what is not there yet") {
  std::set<cuda_on_cpu::Place> barriers;
  device().barriers = &barriers;
  reversed(1);
  device().barriers = nullptr;
  REQUIRE(barriers.size() == 1);
  device().dropped = *barriers.begin();
  CHECK(reversed(5).empty());
  device().dropped.reset();
}

#endif

struct Copied {
  Pack<int, 4> values[kThreads];
};

// A lane's values come when it waits for them, not before; others see them after a barrier.
__global__ void copy_and_reverse(const Pack<int, 4>* from, int behind, int* to) {
  auto& shared = shared_memory<Copied>();
  copy_async(shared.values[threadIdx.x], from + threadIdx.x);
  commit_copies();
  if (behind == 0) await_copies<0>();
  if (behind == 1) await_copies<1>();
  __syncthreads();
  to[threadIdx.x] = shared.values[blockDim.x - 1 - threadIdx.x].value[3];
}

TEST_CASE("an asynchronous copy comes where it is awaited") {
  std::vector<Pack<int, 4>> from(kThreads);
  for (int i = 0; i < kThreads; ++i) from[i] = {{0, 0, 0, i}};
  std::vector<int> to(kThreads);
  each_way([&] {
    run_kernel({1, kThreads, sizeof(Copied)}, copy_and_reverse, from.data(), 0, to.data());
    for (int i = 0; i < kThreads; ++i) CHECK(to[i] == kThreads - 1 - i);
    run_kernel({1, kThreads, sizeof(Copied)}, copy_and_reverse, from.data(), 1, to.data());
    CHECK(std::count(to.begin(), to.end(), static_cast<int>(0xcdcdcdcdu)) == kThreads);
  });
}

__global__ void copy_unaligned(const char* from) {
  auto& shared = shared_memory<Copied>();
  copy_async(shared.values[0], from);
}

TEST_CASE("an asynchronous copy of what is not aligned is an error") {
  alignas(16) char from[32] = {};
  each_way([&] {
    CHECK_THROWS_AS(run_kernel({1, 32, sizeof(Copied)}, copy_unaligned, from + 4), DeviceError);
  });
}

__global__ void sum_over_lanes(int* out) {
  int value = static_cast<int>(threadIdx.x);
  for (int half = 16; half > 0; half /= 2) value += __shfl_xor_sync(~0u, value, half);
  out[threadIdx.x] = value;
}

TEST_CASE("shuffles stay within a warp") {
  each_way([] {
    std::vector<int> out(64);
    run_kernel({1, 64, 0}, sum_over_lanes, out.data());
    for (int i = 0; i < 64; ++i) CHECK(out[i] == (i < 32 ? 496 : 496 + 32 * 32));
  });
}

// Lane 0 of the last block of a grid finds what all others have published.
__global__ void publish(unsigned* flag, int* data, int* sum) {
  data[blockIdx.x] = static_cast<int>(blockIdx.x) + 1;
  if (blockIdx.x + 1 < gridDim.x) {
    DeviceFlag(*flag).fetch_add(1, ::cuda::memory_order_release);
    return;
  }
  while (DeviceFlag(*flag).load(::cuda::memory_order_acquire) + 1 < gridDim.x) back_off();
  for (unsigned i = 0; i < gridDim.x; ++i) *sum += data[i];
}

TEST_CASE("what is released is there for who acquires it, across resident blocks") {
  each_way([] {
    unsigned flag = 0;
    std::vector<int> data(3);
    int sum = 0;
    run_kernel({3, 1, 0}, publish, &flag, data.data(), &sum);
    CHECK(sum == 6);
  });
}

__global__ void leave_early(int* out) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  *out = 1;
}

__global__ void part_ways(int* out) {
  if (threadIdx.x < 7) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  *out = 1;
}

__global__ void wait_for_nobody(unsigned* flag) {
  while (SystemFlag(*flag).load(::cuda::memory_order_acquire) == 0) back_off();
}

__global__ void take_too_much(int* out) { *out = shared_memory<Reversed>().values[0]; }

__global__ void leave_lanes_out(int* out) { *out = __shfl_xor_sync(0xffffu, 1, 1); }

TEST_CASE("what hangs or breaks a GPU is an error") {
  int out = 0;
  unsigned flag = 0;
  device().patience = std::chrono::seconds(1);
  CHECK_THROWS_AS(run_kernel({2, 32, 0}, leave_early, &out), DeviceError);
  if (!device().os_threads) {  // as fibers only: threads meet wherever they are
    CHECK_THROWS_AS(run_kernel({2, 32, 0}, part_ways, &out), DeviceError);
  }
  CHECK_THROWS_AS(run_kernel({1, 32, 0}, wait_for_nobody, &flag), DeviceError);
  CHECK_THROWS_AS(run_kernel({1, 32, sizeof(Reversed) - 1}, take_too_much, &out), DeviceError);
  CHECK_THROWS_AS(run_kernel({1, 32, 0}, leave_lanes_out, &out), DeviceError);
  CHECK_THROWS_AS(run_kernel({1, 1025, 0}, sum_over_lanes, &out), DeviceError);
  CHECK_THROWS_AS(run_kernel({1, 32, 50'000}, sum_over_lanes, &out), DeviceError);
  device() = {};
}

// -------------------------------------------------------------------------------------------------
// runtime

void sleep_a_little(void*) { std::this_thread::sleep_for(std::chrono::milliseconds(20)); }

TEST_CASE("streams work in order, and events order streams") {
  cudaStream_t first, second;
  cudaEvent_t event;
  REQUIRE(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
  void* memory = nullptr;
  REQUIRE(cudaMallocAsync(&memory, 8, first) == cudaSuccess);
  std::uint64_t in = 7;
  std::uint64_t out = 0;
  cudaLaunchHostFunc(first, sleep_a_little, nullptr);
  cudaMemcpyAsync(memory, &in, 8, cudaMemcpyHostToDevice, first);
  cudaEventRecord(event, first);
  CHECK(cudaEventQuery(event) == cudaErrorNotReady);
  CHECK(cudaStreamQuery(first) == cudaErrorNotReady);
  CHECK(cudaGetLastError() == cudaErrorNotReady);
  cudaStreamWaitEvent(second, event);
  cudaMemcpyAsync(&out, memory, 8, cudaMemcpyDeviceToHost, second);
  CHECK(cudaStreamSynchronize(second) == cudaSuccess);
  CHECK(out == 7);
  CHECK(cudaEventSynchronize(event) == cudaSuccess);
  cudaMemsetAsync(memory, 0, 8, second);
  cudaFreeAsync(memory, second);
  CHECK(cudaEventDestroy(event) == cudaSuccess);
  CHECK(cudaStreamDestroy(first) == cudaSuccess);
  CHECK(cudaStreamDestroy(second) == cudaSuccess);
  CHECK(cudaStreamDestroy(second) == cudaErrorInvalidResourceHandle);
  CHECK(cudaGetLastError() == cudaErrorInvalidResourceHandle);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("a failure stays with its stream, and who waits on it goes on") {
  device().patience = std::chrono::seconds(1);
  cudaStream_t stream;
  cudaEvent_t event;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
  int out = 0;
  launch("leave_early", leave_early, {.blocks = 1, .threads = 32}, stream, &out);
  cudaEventRecord(event, stream);
  CHECK(cudaEventSynchronize(event) == cudaSuccess);
  CHECK(cudaStreamSynchronize(stream) == cudaErrorLaunchFailure);
  CHECK(cudaGetLastError() == cudaErrorLaunchFailure);
  CHECK_THROWS_AS(launch("again", leave_early, {.threads = 32}, stream, &out), CudaError);
  CHECK(cudaGetLastError() == cudaSuccess);
  cudaEventDestroy(event);
  cudaStreamDestroy(stream);
  device() = {};
}

TEST_CASE("what no GPU of today can do is refused") {
  int out = 0;
  const auto refused = [&](const LaunchShape& shape) {
    CHECK_THROWS_AS(launch("refused", leave_early, shape, nullptr, &out), CudaError);
    CHECK(cudaGetLastError() == cudaSuccess);
  };
  refused({.threads = 0});
  refused({.threads = 1025});
  refused({.blocks = 0, .threads = 32});
  refused({.blocks = kMostBlocks + 1, .threads = 32});
  refused({.threads = 32, .shared = (48 << 10) + 1});
  CHECK(cudaMemsetAsync(&out, 0, 0, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaMemcpyAsync(&out, &out, 0, cudaMemcpyDefault, nullptr) == cudaErrorInvalidValue);
  cudaGetLastError();
}

}  // namespace
}  // namespace byzccl::kernels
