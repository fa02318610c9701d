// SPDX-License-Identifier: MIT
// The transport over NCCL, on the double: ranks that do not come, fall silent, or give up.

#include <nccl.h>

#include <atomic>
#include <byzccl/nccl.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "cuda_on_cpu/nccl.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::nccl_communicators;
using cuda_on_cpu::nccl_world;
using cuda_on_cpu::WorldScope;
using std::chrono::milliseconds;
using test::Bytes;
using test::expect;
using test::in;
using test::NcclRank;
using test::peer_error;
using test::run_nccl;
using test::Way;

constexpr milliseconds kShort{400};

/// The suspects of the TransportError that fn throws, or {-2}.
std::vector<int> suspects_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const TransportError& error) {
    return error.suspects();
  }
  return {-2};
}

/// Ranks 0 and 1 exchange a byte, so that they are connected.
void connect(NcclRank& rank) {
  const int peer = 1 - rank.transport->rank();
  std::byte out{1};
  std::byte got{0};
  rank.transport->start_batch();
  const auto received = rank.transport->recv(peer, &got, 1);
  const auto sent = rank.transport->send(peer, &out, 1);
  rank.transport->end_batch();
  received->wait(in(0));
  sent->wait(in(0));
  rank.steps->mark()->wait();
}

TEST_CASE("a rank that never comes is named by all others") {
  auto ends = local_transports(3);
  test::run(2, [&](int rank) {
    const auto start = Clock::now();
    const auto suspects = suspects_of([&] { nccl_transport(ends[rank], kShort); });
    expect(suspects == std::vector<int>{2}, "another rank was named");
    expect(Clock::now() - start < kShort + milliseconds(5000), "too late");
  });
  CHECK(nccl_communicators() == 0);
}

TEST_CASE("ranks that know only the id give up on one that never comes") {
  const UniqueId id = unique_id();
  test::run(2, [&](int rank) {
    const auto suspects = suspects_of([&] { nccl_transport(id, rank, 3, kShort); });
    expect(suspects.empty(), "nobody can know who it is");
  });
  CHECK(nccl_communicators() == 0);
}

TEST_CASE("a rank that cannot join tells the others at once") {
  auto ends = local_transports(2);
  const auto start = Clock::now();
  test::run(2, [&](int rank) {
    if (rank == 0) {  // a parent of one rank
      ncclUniqueId id;
      ncclGetUniqueId(&id);
      ncclComm_t alone = nullptr;
      ncclCommInitRankConfig(&alone, 1, id, 0, nullptr);
      const auto call = [&] { nccl_transport(alone, ends[0], milliseconds(60'000)); };
      expect(test::message_of<InvalidArgument>(call) ==
                 "rank 0 of 2 is rank 0 of 1 in the communicator",
             "another message");
      ncclCommDestroy(alone);
    } else {
      const auto suspects = suspects_of([&] { nccl_transport(ends[1], milliseconds(60'000)); });
      expect(suspects == std::vector<int>{0}, "another rank was named");
    }
  });
  CHECK(Clock::now() - start < milliseconds(20'000));
  CHECK(nccl_communicators() == 0);
}

TEST_CASE("wrong arguments") {
  CHECK_THROWS_AS(nccl_transport(nullptr), InvalidArgument);
  CHECK_THROWS_AS(nccl_transport(static_cast<ncclComm*>(nullptr), local_transports(1)[0]),
                  InvalidArgument);
  CHECK_THROWS_AS(nccl_transport(unique_id(), 2, 2), InvalidArgument);
  CHECK_THROWS_AS(nccl_transport(UniqueId{}, 0, 1), NcclError);
}

TEST_CASE("the first message to a silent rank ends at the timeout and names it") {
  std::atomic<bool> done{false};
  run_nccl(
      2,
      [&](NcclRank& rank) {
        std::byte value{1};
        if (rank.transport->rank() == 1) {
          while (!done) std::this_thread::sleep_for(milliseconds(5));
          return rank.transport->abort();
        }
        const auto start = Clock::now();
        const auto error = peer_error([&] { rank.transport->send(1, &value, 1); });
        expect(error && error->peer() == 1 && error->timed_out(), "another error");
        expect(Clock::now() - start >= kShort, "too early");
        rank.transport->abort();
        done = true;
      },
      Way::kControl, kShort);
}

TEST_CASE("abort from another thread releases the streams and who waits for them") {
  const Way way = GENERATE(Way::kControl, Way::kId);
  run_nccl(
      2,
      [&](NcclRank& rank) {
        connect(rank);
        const int peer = 1 - rank.transport->rank();
        Bytes got(100);
        const auto work = rank.transport->recv(peer, got.data(), got.size());
        work->wait(in(0));
        const auto behind = rank.steps->mark();
        std::thread other([&] {
          std::this_thread::sleep_for(milliseconds(30));
          rank.transport->abort();
          rank.transport->abort();
        });
        expect(!behind->reached(), "a message that nobody sent");
        behind->wait();
        other.join();
        for (const auto& call : std::vector<std::function<void()>>{
                 [&] { work->wait(in(0)); },
                 [&] { rank.transport->poll(); },
                 [&] { rank.transport->send(peer, got.data(), 1); },
             }) {
          const auto error = peer_error(call);
          expect(error && error->peer() == PeerError::kAny && !error->timed_out(), "another error");
        }
      },
      way);
}

TEST_CASE("abort ends a group that waits for its peer to connect") {
  std::atomic<bool> done{false};
  run_nccl(2, [&](NcclRank& rank) {
    if (rank.transport->rank() == 1) {
      while (!done) std::this_thread::sleep_for(milliseconds(5));
      return rank.transport->abort();
    }
    std::thread other([&] {
      std::this_thread::sleep_for(milliseconds(30));
      rank.transport->abort();
    });
    std::byte value{1};
    const auto error = peer_error([&] { rank.transport->send(1, &value, 1); });
    other.join();
    done = true;
    expect(error && !error->timed_out(), "another error");
  });
}

TEST_CASE("what NCCL says of a peer that gave up is a PeerError") {
  const WorldScope scope;
  nccl_world().tells_peers = true;
  std::atomic<bool> waits{false};
  std::atomic<bool> gone{false};
  run_nccl(2, [&](NcclRank& rank) {
    connect(rank);
    if (rank.transport->rank() == 0) {
      while (!waits) std::this_thread::sleep_for(milliseconds(5));
      rank.transport->abort();
      gone = true;
      return;
    }
    std::byte value{1};
    const auto work = rank.transport->recv(0, &value, 1);
    waits = true;
    while (!gone) std::this_thread::sleep_for(milliseconds(5));
    const auto error = peer_error([&] { rank.transport->poll(); });
    expect(error && error->peer() == PeerError::kAny && !error->timed_out(), "another error");
    expect(std::strstr(error->what(), "remote process exited") != nullptr, error->what());
    expect(peer_error([&] { work->wait(in(0)); }).has_value(), "waited for the dead");
    expect(peer_error([&] { rank.transport->send(0, &value, 1); }).has_value(), "sent to the dead");
    rank.transport->abort();
  });
}

TEST_CASE("a group that fails to launch is an error, not a hang") {
  const WorldScope scope;
  nccl_world().fails_at_launch = 3;
  std::atomic<int> errors{0};
  run_nccl(2, [&](NcclRank& rank) {
    connect(rank);  // two groups
    std::byte value{1};
    const int peer = 1 - rank.transport->rank();
    const auto error = peer_error([&] {
      if (rank.transport->rank() == 0) rank.transport->send(peer, &value, 1);
      if (rank.transport->rank() == 1) rank.transport->recv(peer, &value, 1);
    });
    if (error) ++errors;
    rank.transport->abort();
  });
  CHECK(errors == 1);
}

TEST_CASE("headers over NCCL itself: host memory, deadlines, no board") {
  run_nccl(
      3,
      [&](NcclRank& rank) {
        Transport& control = rank.transport->control();
        const int self = control.rank();
        for (int round = 0; round < 5; ++round) {
          std::vector<Bytes> got(3, Bytes(2000));
          Bytes out(2000, std::byte(10 * round + self));
          std::vector<std::unique_ptr<Work>> works;
          control.start_batch();
          for (int peer = 0; peer < 3; ++peer) {
            if (peer == self) continue;
            works.push_back(control.recv(peer, got[peer].data(), got[peer].size()));
            works.push_back(control.send(peer, out.data(), out.size()));
          }
          control.end_batch();
          out.assign(out.size(), std::byte{0});  // its copy travels
          for (const auto& work : works) work->wait(in(10'000));
          for (int peer = 0; peer < 3; ++peer) {
            expect(peer == self || got[peer] == Bytes(2000, std::byte(10 * round + peer)),
                   "another header");
          }
        }
        expect(!test::message_of<Error>([&] { rank.transport->board().get("rank"); }).empty(),
               "where is the board?");
        control.recv((self + 1) % 3, nullptr, 0)->wait(in(0));
        if (self == 2) return;
        std::byte value{0};
        const auto work = control.recv(1 - self, &value, 1);  // connected, and silent
        const auto error = peer_error([&] { work->wait(in(50)); });
        expect(error && error->timed_out() && error->peer() == 1 - self, "another error");
        rank.transport->abort();
        expect(peer_error([&] { work->wait(in(50)); }).has_value(), "aborted");
      },
      Way::kId);
}

}  // namespace
}  // namespace byzccl
