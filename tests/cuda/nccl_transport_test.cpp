// SPDX-License-Identifier: MIT
// The transport over NCCL, on the double: order, batches, streams.

#include <cuda_runtime_api.h>

#include <byzccl/nccl.hpp>
#include <numeric>
#include <vector>

#include "cuda_on_cpu/nccl.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;
using test::in;
using test::NcclRank;
using test::run_nccl;
using test::Way;

/// The bytes, once all steps so far are done.
Bytes read(NcclRank& rank, const Bytes& device) {
  Bytes host(device.size());
  rank.steps->read(host.data(), device.data(), device.size());
  return host;
}

TEST_CASE("messages of a pair arrive in the order of the sends, in batches") {
  const int n = GENERATE(1, 2, 3, 4, 8);
  const Way way = GENERATE(Way::kControl, Way::kSplit, Way::kId);
  CAPTURE(n, static_cast<int>(way));
  run_nccl(
      n,
      [&](NcclRank& rank) {
        Transport& transport = *rank.transport;
        const int self = transport.rank();
        expect(transport.size() == n, "the size");
        constexpr int kEach = 6;
        std::vector<int> out(kEach);
        std::iota(out.begin(), out.end(), self * 1000);
        std::vector<std::vector<int>> got(n, std::vector<int>(kEach, -1));
        std::vector<std::unique_ptr<Work>> works;
        for (int i = 0; i < kEach; ++i) {
          if (i % 3 == 0) transport.start_batch();  // batches of three messages a pair
          for (int offset = 1; offset < n; ++offset) {
            const int peer = (self + offset) % n;
            works.push_back(transport.recv(peer, &got[peer][i], sizeof(int)));
            works.push_back(transport.send(peer, &out[i], sizeof(int)));
          }
          if (i % 3 == 2) transport.end_batch();
        }
        for (const auto& work : works) work->wait(in(10'000));
        rank.steps->mark()->wait();
        for (int peer = 0; peer < n; ++peer) {
          for (int i = 0; i < kEach && peer != self; ++i) {
            expect(got[peer][i] == peer * 1000 + i, "a message is out of order");
          }
        }
      },
      way);
}

TEST_CASE("messages of every size arrive") {
  for (const std::size_t bytes : {1u, 7u, 4096u, 1'000'003u}) {
    CAPTURE(bytes);
    run_nccl(2, [&](NcclRank& rank) {
      const int peer = 1 - rank.transport->rank();
      const Bytes out(bytes, std::byte(rank.transport->rank() + 1));
      Bytes got(bytes);
      rank.transport->start_batch();
      const auto received = rank.transport->recv(peer, got.data(), bytes);
      const auto sent = rank.transport->send(peer, out.data(), bytes);
      rank.transport->end_batch();
      received->wait(in(10'000));
      sent->wait(in(10'000));
      expect(read(rank, got) == Bytes(bytes, std::byte(peer + 1)), "another message");
    });
  }
}

TEST_CASE("outside a batch a message travels by itself, and one of no bytes not at all") {
  run_nccl(2, [&](NcclRank& rank) {
    Bytes data{std::byte{5}, std::byte{6}};
    if (rank.transport->rank() == 0) {
      rank.transport->send(1, nullptr, 0)->wait(in(0));
      rank.transport->send(1, data.data(), 1)->wait(in(0));
      rank.transport->send(1, data.data() + 1, 1)->wait(in(0));
      rank.steps->mark()->wait();
      return;
    }
    Bytes got(2);
    rank.transport->recv(0, nullptr, 0)->wait(in(0));
    rank.transport->recv(0, got.data(), 1)->wait(in(0));
    rank.transport->recv(0, got.data() + 1, 1)->wait(in(0));
    expect(read(rank, got) == data, "another message");
  });
}

TEST_CASE("what is sent after await_steps() was written by the steps before it") {
  run_nccl(2, [&](NcclRank& rank) {
    Steps& steps = *rank.steps;
    const Bytes value(1000, std::byte{7});
    const auto out = steps.allocate(value.size());
    const auto landing = steps.allocate_landing(value.size());
    rank.keep_busy();
    steps.copy(out.get(), value.data(), value.size());
    rank.transport->await_steps();
    const int peer = 1 - rank.transport->rank();
    rank.transport->start_batch();
    const auto received = rank.transport->recv(peer, landing.get(), value.size());
    const auto sent = rank.transport->send(peer, out.get(), value.size());
    rank.transport->end_batch();
    // Waiting puts the steps behind the messages, and returns at once.
    received->wait(in(0));
    sent->wait(in(0));
    steps.clear(out.get(), value.size());
    Bytes got(value.size());
    steps.read(got.data(), landing.get(), got.size());
    expect(got == value, "sent before it was written, or overwritten before it was sent");
  });
}

TEST_CASE("messages do not wait for steps that nobody told them of") {
  run_nccl(2, [&](NcclRank& rank) {
    const int peer = 1 - rank.transport->rank();
    std::byte out{1};
    std::byte got{0};
    rank.transport->start_batch();
    auto received = rank.transport->recv(peer, &got, 1);
    auto sent = rank.transport->send(peer, &out, 1);
    rank.transport->end_batch();
    received->wait(in(0));
    sent->wait(in(0));
    rank.steps->mark()->wait();  // connected: from now on groups launch at once
    for (int i = 0; i < 20; ++i) rank.keep_busy();
    const auto busy = rank.steps->mark();
    NcclRank messenger(rank.transport);  // steps on the same streams
    const auto landing = messenger.steps->allocate_landing(1);
    rank.transport->start_batch();
    received = rank.transport->recv(peer, landing.get(), 1);
    sent = rank.transport->send(peer, &out, 1);
    rank.transport->end_batch();
    expect(!busy->reached(), "the machine is too fast for this test");
    received->wait(in(0));
    sent->wait(in(0));
    rank.steps->mark()->wait();
    expect(busy->reached() && *static_cast<std::byte*>(landing.get()) == out, "no message");
  });
}

TEST_CASE("a mark holds steps, messages and the caller's stream") {
  run_nccl(2, [&](NcclRank& rank) {
    cudaStream_t caller = nullptr;
    cudaStreamCreateWithFlags(&caller, cudaStreamNonBlocking);
    const int peer = 1 - rank.transport->rank();
    Bytes x(1000);
    rank.slow.resize(std::size_t{16} << 20);
    for (int i = 0; i < 4; ++i) cudaMemsetAsync(rank.slow.data(), i, rank.slow.size(), caller);
    cudaMemsetAsync(x.data(), 9, x.size(), caller);
    const auto ready = rank.steps->mark_caller(caller);
    rank.steps->await(*ready);
    Bytes got(x.size());
    rank.transport->start_batch();
    const auto received = rank.transport->recv(peer, got.data(), got.size());
    const auto sent = rank.transport->send(peer, x.data(), x.size());
    rank.transport->end_batch();
    received->wait(in(0));
    sent->wait(in(0));
    rank.steps->clear(x.data(), x.size());
    rank.keep_busy();
    rank.steps->copy(x.data(), got.data(), x.size());
    rank.steps->hold_caller(*rank.steps->mark(), caller);
    Bytes seen(x.size());
    cudaMemcpyAsync(seen.data(), x.data(), x.size(), cudaMemcpyDeviceToHost, caller);
    cudaStreamSynchronize(caller);
    expect(seen == Bytes(x.size(), std::byte{9}), "a mark did not hold");
    cudaStreamDestroy(caller);
  });
}

TEST_CASE("batches are neither nested nor waited for from inside") {
  run_nccl(2, [&](NcclRank& rank) {
    Transport& transport = *rank.transport;
    std::byte value{1};
    const auto refused = [](const std::function<void()>& fn) {
      return !test::message_of<InvalidArgument>(fn).empty();
    };
    expect(refused([&] { transport.end_batch(); }), "ended what had not begun");
    transport.start_batch();
    expect(refused([&] { transport.start_batch(); }), "nested");
    const auto work = transport.recv(1 - transport.rank(), &value, 1);
    expect(refused([&] { work->wait(in(0)); }), "waited for itself");
    expect(refused([&] { transport.send(transport.rank(), &value, 1); }), "sent to itself");
    expect(refused([&] { transport.recv(2, &value, 1); }), "received from nobody");
    transport.abort();
  });
}

}  // namespace
}  // namespace byzccl
