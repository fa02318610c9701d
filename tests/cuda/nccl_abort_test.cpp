// SPDX-License-Identifier: MIT
// Giving up where NCCL's own abort hangs, on the double: it takes a bounded time, and what the
// device may still touch stays.

#include <nccl.h>

#include <atomic>
#include <byzccl/byzccl.hpp>
#include <byzccl/cuda.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "cuda_on_cpu/nccl.hpp"
#include "cuda_on_cpu/runtime.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"
#include "tests/cuda/support/stopping_transport.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::hang_aborts;
using cuda_on_cpu::nccl_communicators;
using cuda_on_cpu::WorldScope;
using std::chrono::milliseconds;
using test::expect;
using test::in;
using test::kStopPatience;
using test::kStopRule;
using test::kStopTimeout;
using test::NcclRank;
using test::Way;

constexpr milliseconds kBusy{20'000};  // what a busy machine may add

bool comes(const std::function<bool()>& condition) {
  const Deadline end = Clock::now() + kStopPatience;
  while (!condition() && Clock::now() < end) std::this_thread::sleep_for(milliseconds(2));
  return condition();
}

/// Memory that says how much of it is out.
class Counted final : public cuda::Memory {
 public:
  void* take(std::size_t bytes, CUstream_st* stream) override {
    void* memory = nullptr;
    cuda::check(cudaMallocAsync(&memory, bytes, stream), "cudaMallocAsync");
    ++out;
    return memory;
  }
  void give_back(void* memory, CUstream_st* stream) noexcept override {
    --out;
    cudaFreeAsync(memory, stream);
  }
  std::atomic<int> out{0};
};

struct CountedScope {
  CountedScope() { cuda::set_memory(memory); }
  ~CountedScope() { cuda::set_memory(nullptr); }
  std::shared_ptr<Counted> memory = std::make_shared<Counted>();
};

/// run_nccl(), whose check that no communicator is left comes too early here.
void run_two(Way way, const std::function<void(NcclRank&)>& fn) {
  auto ends = local_transports(2);
  const UniqueId id = unique_id();
  test::run(2, [&](int number) {
    NcclRank rank(way == Way::kId ? nccl_transport(id, number, 2, kStopTimeout)
                                  : nccl_transport(std::move(ends[number]), kStopTimeout));
    fn(rank);
  });
}

TEST_CASE("abort returns in time, and what a message may still write stays until it is over") {
  const Way way = GENERATE(Way::kControl, Way::kId);
  const WorldScope scope;
  const CountedScope counted;
  std::atomic<bool> gone{false};
  std::atomic<bool> sent{false};
  run_two(way, [&](NcclRank& rank) {
    const int peer = 1 - rank.transport->rank();
    const auto landing = rank.steps->allocate_landing(64);
    auto* const bytes = static_cast<std::byte*>(landing.get());
    const auto exchange = [&] {  // connects
      rank.transport->start_batch();
      const auto received = rank.transport->recv(peer, bytes, 8);
      const auto given = rank.transport->send(peer, bytes + 8, 8);
      rank.transport->end_batch();
      received->wait(in(0));
      rank.steps->mark()->wait();
    };
    exchange();
    if (rank.transport->rank() == 1) {
      while (!gone) std::this_thread::sleep_for(milliseconds(2));
      rank.transport->send(peer, bytes, 64);  // into what the other had given up
      rank.steps->mark()->wait();
      sent = true;
      while (nccl_communicators() == 2) std::this_thread::sleep_for(milliseconds(2));
      return;
    }
    auto target = rank.steps->allocate_landing(64);
    auto received = rank.transport->recv(peer, target.get(), 64);
    hang_aborts(true);
    const auto start = Clock::now();
    rank.transport->abort();
    rank.transport->abort();
    expect(Clock::now() - start < kStopTimeout + kBusy, "abort took too long");
    expect(!rank.transport->let_go(), "the device has not let go");
    expect(test::peer_error([&] { rank.transport->poll(); }).has_value(), "it was aborted");
    received.reset();
    target.reset();
    rank.steps.reset();
    rank.transport.reset();  // nothing of it waits
    expect(Clock::now() - start < kStopTimeout + kBusy, "destruction took too long");
    expect(counted.memory->out > 1, "memory went that a message may still write");
    gone = true;
    while (!sent) std::this_thread::sleep_for(milliseconds(2));
    hang_aborts(false);
  });
  CHECK(comes([&] { return nccl_communicators() == 0 && counted.memory->out == 0; }));
}

TEST_CASE("a communicator whose device does not let go raises in time and says so") {
  const WorldScope scope;
  std::atomic<bool> done{false};
  run_two(Way::kControl, [&](NcclRank& rank) {
    std::vector<float> x(3000, 1.0f);
    const auto call = [&](Communicator& communicator) {
      return communicator.all_reduce(x.data(), 3000, DType::kFloat32, Rule::parse(kStopRule));
    };
    const CommunicatorOptions options{.timeout = kStopTimeout};
    if (rank.transport->rank() == 1) {  // silent before its second payload
      const auto silent = std::make_shared<test::StoppingTransport>(rank.transport, 3);
      Communicator communicator(silent, options);
      call(communicator).report();
      Pending second = call(communicator);
      while (!done) std::this_thread::sleep_for(milliseconds(2));
      silent->released = true;
      expect(!test::message_of<TransportError>([&] { second.report(); }).empty(), "no error");
      return;
    }
    const auto start = Clock::now();
    const std::shared_ptr<void> release(nullptr, [&](void*) {
      hang_aborts(false);
      done = true;
    });
    {
      Communicator communicator(rank.transport, options);
      call(communicator).report();
      hang_aborts(true);
      Pending pending = call(communicator);
      const std::string said = test::message_of<TransportError>([&] { pending.report(); });
      expect(said.find("rank 1") != std::string::npos, said);
      expect(said.find("may still read and write them") != std::string::npos, said);
      expect(pending.done(), "wait() does not wait");
      expect(pending.in_use(), "the device may touch x");
      Pending later = call(communicator);
      const std::string again = test::message_of<TransportError>([&] { later.wait(); });
      expect(again == said, again);
      expect(!later.in_use(), "a later call touches nothing");
      hang_aborts(false);
      done = true;
      expect(comes([&] { return !pending.in_use(); }), "it has let go by now");
    }
    expect(Clock::now() - start < 4 * kStopTimeout + kBusy, "too late");
  });
  CHECK(comes([] { return nccl_communicators() == 0; }));
}

TEST_CASE("a question that fails is no answer: what is under way is not done") {
  run_two(Way::kControl, [&](NcclRank& rank) {
    std::vector<float> x(3000, 1.0f);
    Communicator communicator(rank.transport, {.timeout = kStopPatience});
    const auto call = [&] {
      return communicator.all_reduce(x.data(), 3000, DType::kFloat32, Rule::parse("median"));
    };
    call().report();
    rank.keep_busy();
    Pending pending = call();
    pending.wait();
    cuda_on_cpu::fail_event_queries(2);  // of this thread alone
    const bool done = pending.done();
    const bool in_use = pending.in_use();
    cuda_on_cpu::fail_event_queries(0);
    expect(pending.report().n == 2, "no report");
    expect(!done && in_use, "a failure is no answer");
    expect(pending.done() && !pending.in_use(), "it is done");
    cuda_on_cpu::fail_event_queries(1);
    expect(pending.done(), "what was done once is done");
    cuda_on_cpu::fail_event_queries(0);
  });
}

}  // namespace
}  // namespace byzccl
