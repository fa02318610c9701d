// SPDX-License-Identifier: MIT
// What the library does while a CUDA graph is captured somewhere in the process: it goes on, and
// the graph is none the worse for it.

#include <atomic>
#include <byzccl/byzccl.hpp>
#include <byzccl/cuda.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "cuda_on_cpu/runtime.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/elsewhere.hpp"
#include "tests/cuda/support/gate.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"

namespace byzccl {
namespace {

using std::chrono::milliseconds;
using test::Elsewhere;
using test::expect;
using test::Gate;
using test::NcclRank;
using test::run_nccl;
using test::Way;

constexpr milliseconds kSoon{2};

/// All of `count` ranks come here before one goes on.
class Meeting {
 public:
  explicit Meeting(int count) : count_(count) {}
  void meet() {
    const int round = arrived_++ / count_;
    while (arrived_ < (round + 1) * count_) std::this_thread::sleep_for(kSoon);
  }

 private:
  const int count_;
  std::atomic<int> arrived_{0};
};

Pending median(Communicator& communicator, std::vector<float>& x) {
  return communicator.all_reduce(x.data(), std::ssize(x), DType::kFloat32, Rule::parse("median"));
}

TEST_CASE("an all_reduce behind a long kernel does not spoil a graph that is captured meanwhile") {
  Meeting meeting(2);
  run_nccl(2, [&](NcclRank& rank) {
    const cuda::Stream stream;
    Communicator communicator(rank.transport);
    communicator.use_stream(stream.get());
    const float own = static_cast<float>(communicator.rank());
    std::vector<float> x(3000, own);
    median(communicator, x).report();  // connects
    x.assign(x.size(), own);
    Gate kernel(stream.get());
    Pending pending = median(communicator, x);
    pending.wait();  // it is enqueued
    meeting.meet();
    if (communicator.rank() == 0) {
      Elsewhere capture;
      std::this_thread::sleep_for(milliseconds(60));  // the worker looks every 5
      expect(!pending.done() && pending.in_use(), "it is behind the kernel");
      expect(capture.end() == cudaSuccess, "the capture was spoilt");
    }
    meeting.meet();
    expect(kernel.open(), "too late");
    expect(pending.report().n == 2, "no report");
    expect(pending.done() && !pending.in_use(), "it is done");
    for (const float value : x) expect(value == 0.5f, "another median");
  });
}

TEST_CASE("a communicator is made, used and destroyed beside a capture") {
  const Way way = GENERATE(Way::kControl, Way::kId);
  Elsewhere capture;
  run_nccl(
      2,
      [&](NcclRank& rank) {
        Communicator communicator(rank.transport);
        std::vector<float> x(3000, 1.0f);
        const std::vector<float> previous(3000, 0.5f);
        for (const char* text : {"median", "geometric_median", "centered_clipping(tau=3)"}) {
          Pending pending = communicator.all_reduce(x.data(), std::ssize(x), DType::kFloat32,
                                                    Rule::parse(text), previous.data());
          expect(pending.report().n == 2, "no report");
          expect(pending.done(), "it is done");
        }
        // Given up with work under way, too.
        if (communicator.rank() == 0) communicator.abort("enough");
      },
      way);
  CHECK(capture.end() == cudaSuccess);
}

TEST_CASE("the thread that captures may ask, and let go of what is done") {
  run_nccl(2, [&](NcclRank& rank) {
    const cuda::Stream stream;
    std::optional<Communicator> communicator(std::in_place, rank.transport);
    std::vector<float> x(3000, 1.0f);
    std::optional<Pending> pending = median(*communicator, x);
    pending->wait();
    cudaGraph_t graph = nullptr;
    // One thread's capture forbids the other's calls alike.
    expect(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal) == cudaSuccess, "");
    while (!pending->done()) std::this_thread::sleep_for(kSoon);
    expect(pending->report().n == 2, "no report");
    pending.reset();
    communicator.reset();
    rank.steps.reset();
    rank.transport.reset();
    expect(cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess, "the capture was spoilt");
    cudaGraphDestroy(graph);
  });
}

TEST_CASE("aggregate and its report come beside a capture, the first of a device too") {
  cuda_on_cpu::machine().devices = 2;
  std::thread([] {
    const int n = 9;
    const std::int64_t d = 300;
    cudaSetDevice(1);  // whose pool is not there yet
    std::vector<std::vector<float>> rows;
    std::vector<const void*> x;
    for (int i = 0; i < n; ++i) {
      rows.emplace_back(d, static_cast<float>(i));
      x.push_back(rows.back().data());
    }
    std::vector<float> out(d);
    Elsewhere capture;
    {
      const cuda::Stream stream;
      const Rule rule = Rule::parse("clip(tau=3)+nnm(f=2)+krum(f=2)");
      const auto explained = cuda::explain(x, d, DType::kFloat32, rule, out.data(), stream.get());
      CHECK(explained.read().n == n);
      cuda::Event event;
      event.record(stream.get());
      event.synchronize();
      CHECK(event.reached());
    }
    CHECK(capture.end() == cudaSuccess);
  }).join();
  cuda_on_cpu::machine() = {};
}

}  // namespace
}  // namespace byzccl
