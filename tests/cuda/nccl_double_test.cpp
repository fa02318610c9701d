// SPDX-License-Identifier: MIT
// The NCCL double itself: what it must find, and what it must get right.

#include <nccl.h>

#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "cuda_on_cpu/nccl.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::nccl_communicators;
using cuda_on_cpu::nccl_world;
using cuda_on_cpu::WorldScope;
using test::expect;

/// A rank's stream and its end of a communicator.
struct Rank {
  cudaStream_t stream = nullptr;
  ncclComm_t comm = nullptr;

  Rank() { cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking); }
  Rank(const Rank&) = delete;
  Rank& operator=(const Rank&) = delete;
  ~Rank() {
    if (comm != nullptr) ncclCommAbort(comm);
    cudaStreamDestroy(stream);
  }

  ncclResult_t join(int size, const ncclUniqueId& id, int rank, bool blocking = false) {
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = blocking;
    return ncclCommInitRankConfig(&comm, size, id, rank, &config);
  }
  /// Polls for at most `limit`.
  ncclResult_t settle(std::chrono::milliseconds limit = std::chrono::milliseconds(10'000)) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    ncclResult_t state = ncclInProgress;
    while (state == ncclInProgress && std::chrono::steady_clock::now() < end) {
      ncclCommGetAsyncError(comm, &state);
      std::this_thread::yield();
    }
    return state;
  }
  ncclResult_t send(const void* data, std::size_t bytes, int peer) const {
    return ncclSend(data, bytes, ncclInt8, peer, comm, stream);
  }
  ncclResult_t recv(void* data, std::size_t bytes, int peer) const {
    return ncclRecv(data, bytes, ncclInt8, peer, comm, stream);
  }
  bool idle_within(std::chrono::milliseconds limit) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (cudaStreamQuery(stream) == cudaErrorNotReady) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }
};

constexpr std::chrono::milliseconds kSoon{50};
constexpr std::chrono::milliseconds kLate{10'000};

ncclUniqueId new_id() {
  ncclUniqueId id;
  ncclGetUniqueId(&id);
  return id;
}

/// fn(rank, its communicator), on a thread for each rank.
void run_joined(int n, const std::function<void(int, Rank&)>& fn) {
  const ncclUniqueId id = new_id();
  test::run(n, [&](int number) {
    Rank rank;
    rank.join(n, id, number);
    expect(rank.settle() == ncclSuccess, "the communicator did not come up");
    fn(number, rank);
  });
  CHECK(nccl_communicators() == 0);
}

/// Both ranks meet, so that later groups launch whatever the peer does.
void meet(const Rank& rank, int peer) {
  char out = 1;
  char in = 0;
  ncclGroupStart();
  rank.send(&out, 1, peer);
  rank.recv(&in, 1, peer);
  ncclGroupEnd();
  expect(
      rank.settle() == ncclSuccess && cudaStreamSynchronize(rank.stream) == cudaSuccess && in == 1,
      "the ranks did not meet");
}

TEST_CASE("a group of messages with all peers moves, in the order of each pair") {
  const int n = GENERATE(2, 3, 4, 8);
  const WorldScope scope;
  nccl_world().seed = static_cast<std::uint64_t>(GENERATE(1, 2, 3));
  CAPTURE(n, nccl_world().seed);
  run_joined(n, [&](int number, Rank& rank) {
    constexpr int kEach = 3;
    std::vector<std::vector<int>> in(n, std::vector<int>(kEach, -1));
    std::vector<int> out(kEach);
    for (int i = 0; i < kEach; ++i) out[i] = 10 * number + i;
    for (int round = 0; round < 4; ++round) {
      ncclGroupStart();
      for (int i = 0; i < kEach; ++i) {
        for (int peer = 0; peer < n; ++peer) {
          if (peer == number) continue;
          if (number % 2 == 0) rank.send(&out[i], sizeof(int), peer);
          rank.recv(&in[peer][i], sizeof(int), peer);
          if (number % 2 == 1) rank.send(&out[i], sizeof(int), peer);
        }
      }
      expect(ncclGroupEnd() == ncclInProgress, "a non-blocking group blocked");
      expect(rank.settle() == ncclSuccess, "the group did not launch");
    }
    expect(cudaStreamSynchronize(rank.stream) == cudaSuccess, "the stream failed");
    for (int peer = 0; peer < n; ++peer) {
      for (int i = 0; i < kEach && peer != number; ++i) {
        expect(in[peer][i] == 10 * peer + i, "a message is wrong");
      }
    }
    ncclCommFinalize(rank.comm);
    expect(rank.settle() == ncclSuccess, "the communicator did not finish");
    ncclCommDestroy(rank.comm);
    rank.comm = nullptr;
  });
}

TEST_CASE("a send holds its stream until the receive, and sends in both directions block") {
  const bool crossed = GENERATE(false, true);
  run_joined(2, [&](int number, Rank& rank) {
    meet(rank, 1 - number);
    char value = 3;
    if (number == 0 || crossed) {
      rank.send(&value, 1, 1 - number);
      expect(rank.settle() == ncclSuccess, "the send did not launch");
      expect(!rank.idle_within(kSoon), "a send ended before its receive");
      if (crossed) return;
      expect(rank.idle_within(kLate), "the receive did not end the send");
    } else {
      std::this_thread::sleep_for(2 * kSoon);
      rank.recv(&value, 1, 0);
      expect(rank.settle() == ncclSuccess && rank.idle_within(kLate), "no receive");
    }
  });
}

TEST_CASE("the first group of two ranks launches only when both are in it") {
  run_joined(2, [&](int number, Rank& rank) {
    char value = 3;
    if (number == 1) std::this_thread::sleep_for(2 * kSoon);
    if (number == 0) {
      rank.send(&value, 1, 1);
      expect(rank.settle(kSoon) == ncclInProgress, "a connection without the peer");
      expect(rank.send(&value, 1, 1) == ncclInvalidArgument, "used while in progress");
    } else {
      rank.recv(&value, 1, 0);
    }
    expect(rank.settle() == ncclSuccess && rank.idle_within(kLate), "no message");
  });
}

TEST_CASE("an event that is recorded before the group has launched misses it") {
  run_joined(2, [&](int number, Rank& rank) {
    cudaEvent_t event;
    cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
    char value = 3;
    if (number == 0) {
      rank.recv(&value, 1, 1);
      cudaEventRecord(event, rank.stream);
      cudaEventSynchronize(event);
      expect(value == 3, "the message came before the group was launched");
      expect(rank.settle() == ncclSuccess && rank.idle_within(kLate) && value == 9, "no message");
    } else {
      std::this_thread::sleep_for(kSoon);
      value = 9;
      rank.send(&value, 1, 0);
      expect(rank.settle() == ncclSuccess && rank.idle_within(kLate), "no message");
    }
    cudaEventDestroy(event);
  });
}

TEST_CASE("sizes that disagree are an error on both ranks") {
  run_joined(2, [&](int number, Rank& rank) {
    std::vector<char> data(8);
    if (number == 0) rank.send(data.data(), 8, 1);
    if (number == 1) rank.recv(data.data(), 4, 0);
    rank.settle();
    expect(cudaStreamSynchronize(rank.stream) == cudaErrorLaunchFailure, "nobody noticed");
    expect(rank.settle() == ncclInternalError, "no asynchronous error");
  });
}

TEST_CASE("abort releases the stream, and the peer waits on or is told") {
  const WorldScope scope;
  nccl_world().tells_peers = GENERATE(false, true);
  run_joined(2, [&](int number, Rank& rank) {
    meet(rank, 1 - number);
    std::vector<char> data(8);
    rank.recv(data.data(), 8, 1 - number);
    expect(rank.settle() == ncclSuccess && !rank.idle_within(kSoon), "nothing to wait for");
    if (number == 0) {
      std::thread other([&] { ncclCommAbort(rank.comm); });
      other.join();
      rank.comm = nullptr;
    } else {
      std::this_thread::sleep_for(2 * kSoon);
      const bool told = rank.settle() == ncclRemoteError;
      expect(told == nccl_world().tells_peers, "the peer heard otherwise");
      expect(!rank.idle_within(kSoon), "the peer's stream was released");
      ncclCommAbort(rank.comm);
      rank.comm = nullptr;
    }
    expect(rank.idle_within(kLate), "abort did not release the stream");
    expect(cudaStreamSynchronize(rank.stream) == cudaSuccess, "abort is no error of the stream");
  });
}

TEST_CASE("ranks split off a communicator by color, in the order of their keys") {
  const bool blocking = GENERATE(false, true);
  const ncclUniqueId id = new_id();
  test::run(5, [&](int number) {
    Rank parent;
    Rank part;
    parent.join(5, id, number, blocking);
    expect(parent.settle() == ncclSuccess, "no parent");
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    const int color = number == 4 ? NCCL_SPLIT_NOCOLOR : number % 2;
    ncclCommSplit(parent.comm, color, -number, &part.comm, &config);
    expect(blocking || part.comm == nullptr, "the part is there before its parent has settled");
    expect(parent.settle() == ncclSuccess, "no split");
    expect((part.comm == nullptr) == (number == 4), "who has no color has no part");
    if (number == 4) return;
    expect(part.settle() == ncclSuccess, "no part");
    int rank = -1;
    int size = 0;
    ncclCommUserRank(part.comm, &rank);
    ncclCommCount(part.comm, &size);
    expect(size == 2 && rank == (number < 2 ? 1 : 0), "wrong order");
    meet(part, 1 - rank);
  });
  CHECK(nccl_communicators() == 0);
}

TEST_CASE("wrong calls are refused") {
  const ncclUniqueId id = new_id();
  Rank one;
  Rank two;
  ncclUniqueId unknown{};
  CHECK(one.join(2, unknown, 0) == ncclSystemError);
  CHECK(one.join(2, id, 2) == ncclInvalidArgument);
  ncclConfig_t raw{};
  CHECK(ncclCommInitRankConfig(&one.comm, 2, id, 0, &raw) == ncclInvalidArgument);
  REQUIRE(one.join(2, id, 0) == ncclInProgress);
  CHECK(two.join(2, id, 0) == ncclInvalidUsage);
  CHECK(two.join(3, id, 1) == ncclInvalidUsage);
  CHECK(one.settle(kSoon) == ncclInProgress);
  int count = 0;
  CHECK(ncclCommCount(one.comm, &count) == ncclInvalidArgument);
  REQUIRE(two.join(2, id, 1) == ncclInProgress);
  REQUIRE(one.settle() == ncclSuccess);
  REQUIRE(two.settle() == ncclSuccess);
  char value = 0;
  CHECK(one.send(&value, 1, 0) == ncclInvalidArgument);
  CHECK(one.send(&value, 1, 2) == ncclInvalidArgument);
  CHECK(one.send(nullptr, 1, 1) == ncclInvalidArgument);
  CHECK(ncclGroupEnd() == ncclInvalidUsage);
  ncclGroupStart();
  one.send(&value, 1, 1);
  CHECK(ncclRecv(&value, 1, ncclInt8, 1, one.comm, two.stream) == ncclInvalidUsage);
  CHECK(ncclGroupEnd() == ncclInvalidUsage);
  CHECK(one.settle() == ncclSuccess);  // nothing of the group was launched
  REQUIRE(ncclCommFinalize(one.comm) == ncclInProgress);
  REQUIRE(one.settle() == ncclSuccess);
  CHECK(one.send(&value, 1, 1) == ncclInvalidUsage);
}

}  // namespace
}  // namespace byzccl
