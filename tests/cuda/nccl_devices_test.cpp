// SPDX-License-Identifier: MIT
// Ranks that are threads of one process, each on a device of its own, over the doubles: NCCL reads
// and writes the memory of one from the other.

#include <byzccl/byzccl.hpp>
#include <memory>
#include <string>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "cuda_on_cpu/runtime.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::machine;
using cuda_on_cpu::reaches;
using test::expect;
using test::NcclRank;
using test::run_nccl;
using test::Way;

struct MachineScope {
  ~MachineScope() { machine() = {}; }
};

TEST_CASE("the double tells memory that is closed to another device") {
  const MachineScope scope;
  machine().devices = 2;
  const cuda::Stream stream;
  void* closed = nullptr;
  REQUIRE(cudaMallocAsync(&closed, 100, stream.get()) == cudaSuccess);
  auto* const last = static_cast<std::byte*>(closed) + 99;
  CHECK(reaches(0, last));
  CHECK(!reaches(1, closed));
  CHECK(!reaches(1, last));
  CHECK(reaches(1, &closed));
  cudaFreeAsync(closed, stream.get());
  test::expect(cudaStreamSynchronize(stream.get()) == cudaSuccess, "the stream failed");
  cudaStream_t other = nullptr;
  CHECK(cudaSetDevice(1) == cudaSuccess);
  cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking);
  cudaEvent_t event = nullptr;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  CHECK(cudaEventRecord(event, stream.get()) == cudaErrorInvalidResourceHandle);
  CHECK(cudaEventRecord(event, other) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(stream.get(), event) == cudaSuccess);
  cudaEventDestroy(event);
  cudaStreamDestroy(other);
  CHECK(cudaSetDevice(0) == cudaSuccess);
  CHECK(cudaSetDevice(2) == cudaErrorInvalidDevice);
  cudaGetLastError();
}

TEST_CASE("a message out of memory that is closed to its receiver is an error") {
  const MachineScope scope;
  machine().devices = 2;
  std::vector<cudaError_t> found(2, cudaSuccess);
  run_nccl(2, [&](NcclRank& rank) {
    const int self = rank.transport->rank();
    const cuda::Stream stream;
    void* memory = nullptr;  // of the runtime's own pool, as a caller may bring it
    cudaMallocAsync(&memory, 64, stream.get());
    const auto work =
        self == 0 ? rank.transport->send(1, memory, 64) : rank.transport->recv(0, memory, 64);
    try {
      work->wait(Clock::now());
      rank.steps->mark()->wait();
      rank.transport->poll();
    } catch (const Error&) {
      found[static_cast<std::size_t>(self)] = cudaErrorUnknown;
    }
    cudaFreeAsync(memory, stream.get());
    rank.transport->abort();
  });
  CHECK(found == std::vector<cudaError_t>(2, cudaErrorUnknown));
}

TEST_CASE("ranks on several devices reduce as ranks on one do, whether these reach each other") {
  const MachineScope scope;
#if defined(__SANITIZE_THREAD__)  // a lane is a thread there
  const Way way = Way::kControl;
  const std::int64_t d = 500;
#else
  const Way way = GENERATE(Way::kControl, Way::kSplit, Way::kId);
  const std::int64_t d = 5000;
#endif
  const bool reach = GENERATE(true, false);
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  machine() = {.devices = reach ? 2 : 4, .peers_reach = reach};
  const int n = 4;
  std::vector<test::Bytes> x;
  for (int i = 0; i < n; ++i) x.push_back(test::random_vector(i, d, DType::kFloat32));
  for (const char* text : {"median", "geometric_median"}) {
    CAPTURE(text, reach, to_text(algorithm));
    const Rule rule = Rule::parse(text);
    const auto want = test::expected_of(x, d, DType::kFloat32, rule);
    std::vector<test::Bytes> out(x);
    run_nccl(
        n,
        [&](NcclRank& rank) {
          const auto self = static_cast<std::size_t>(rank.transport->rank());
          Communicator communicator(rank.transport, {.algorithm = algorithm});
          const Report report =
              communicator.all_reduce(out[self].data(), d, DType::kFloat32, rule).report();
          expect(report.n == n, "no report");
        },
        way);
    for (const auto& bytes : out) CHECK(bytes == out[0]);
    if (rule.kind == RuleKind::kMedian) CHECK(out[0] == want.out);
  }
}

}  // namespace
}  // namespace byzccl
