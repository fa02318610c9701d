// SPDX-License-Identifier: MIT
// A rank that is dead, silent, floods, or sends what no node sends costs the others its vote alone.

#include <byzccl/byzccl.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "csrc/node/frame.hpp"
#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using node::Frame;
using node::Shape;
using node::What;
using std::chrono::seconds;
using test::expect;

constexpr DType kF32 = DType::kFloat32;
constexpr std::int64_t kCount = 100;
constexpr int kRanks = 4;
constexpr int kBad = 3;
constexpr std::int64_t kSteps = 10;
const NodeOptions kOptions{.kinds = 2, .kept = 3};
const Shape kShape{.count = kCount, .dtype = kF32, .kinds = 2, .kept = 3};

Deadline soon() { return Clock::now() + seconds(60); }

/// What the bad rank does with its end of the transport, once the others have begun.
using Badness = std::function<void(Transport&)>;

/// Three honest nodes publish and collect with q = n - 1; rank 3 does what it does. Returns what
/// each honest rank has seen of it.
std::vector<PeerAccount> run_beside(const Badness& badness,
                                    std::chrono::milliseconds patience = seconds(60)) {
  auto ends = local_transports(kRanks);
  std::vector<std::unique_ptr<Node>> nodes;
  for (int rank = 0; rank < kBad; ++rank) {
    nodes.push_back(std::make_unique<Node>(ends[rank], kCount, kF32, kOptions));
  }
  test::run(kRanks, [&](int rank) {
    if (rank == kBad) return badness(*ends[kBad]);
    Node& node = *nodes[static_cast<std::size_t>(rank)];
    std::vector<int> others;
    for (int peer = 0; peer < kRanks; ++peer) {
      if (peer != rank) others.push_back(peer);
    }
    for (std::int64_t step = 0; step < kSteps; ++step) {
      const test::Bytes mine = test::random_vector(rank, kCount, kF32, static_cast<int>(step));
      node.publish(0, step, mine.data(), others);
      const Collected collected = node.collect(
          {.kind = 0, .step = step, .q = kBad, .sources = {0, 1, 2}, .own = mine.data()}, soon());
      expect(collected.ranks == std::vector<int>{0, 1, 2}, "the honest ranks' vectors");
      if (step == kSteps / 2) {
        // With the bad rank among the sources they are enough as well.
        const test::Bytes other = test::random_vector(rank, kCount, kF32, 99);
        node.publish(1, step, other.data(), others);
        node.collect({.kind = 1, .step = step, .q = kBad, .own = other.data()}, soon());
      }
    }
  });
  std::vector<PeerAccount> accounts;
  for (const auto& node : nodes) {
    // What the bad rank has sent is there by now, but for what a thread has not looked at yet.
    node->wait({.kind = 0, .step = kSteps, .sources = {kBad}}, Clock::now() + patience);
    accounts.push_back(node->accounts()[kBad]);
    for (int rank = 0; rank < kBad; ++rank) expect(!node->accounts()[rank].gone, "an honest rank");
  }
  return accounts;
}

void send(Transport& transport, int peer, const Frame& frame, std::int64_t elements = 0) {
  transport.send(peer, &frame, sizeof(frame), Channel::kHeaders)->wait(soon());
  if (elements == 0) return;
  const std::vector<float> vector(static_cast<std::size_t>(elements));
  transport.send(peer, vector.data(), vector.size() * sizeof(float), Channel::kPayload)
      ->wait(soon());
}

Badness to_all(const std::function<void(Transport&, int peer)>& one) {
  return [one](Transport& transport) {
    for (int peer = 0; peer < kBad; ++peer) one(transport, peer);
  };
}

TEST_CASE("A rank whose transport ends is gone") {
  for (const PeerAccount& account : run_beside([](Transport& transport) { transport.abort(); })) {
    CHECK(account.gone);
    CHECK(account.why == "rank 3 closed the connection");
  }
}

TEST_CASE("A header that no node sends cuts its rank off, and says why") {
  struct Case {
    const char* why;
    std::function<void(Frame&)> spoil;
  };
  const Case lie = GENERATE(
      Case{"it sent a header that is none of this protocol", [](Frame& f) { f.magic = 7; }},
      Case{"it sent a header that is none of this protocol", [](Frame& f) { f.version = 2; }},
      Case{"it sent a header of no known meaning", [](Frame& f) { f.what = What{77}; }},
      Case{"it sent a header with a dtype that does not exist",
           [](Frame& f) { f.dtype = DType{9}; }},
      Case{"its vectors are float64, ours float32", [](Frame& f) { f.dtype = DType::kFloat64; }},
      Case{"it sent a vector of 101 elements, ours have 100", [](Frame& f) { f.count = 101; }},
      Case{"it sent a vector of 4611686018427387904 elements, ours have 100",
           [](Frame& f) { f.count = std::int64_t{1} << 62; }},
      Case{"it sent a vector of -1 elements, ours have 100", [](Frame& f) { f.count = -1; }},
      Case{"it sent kind 2, and there are 2 kinds", [](Frame& f) { f.kind = 2; }},
      Case{"it sent a header with a number below 0", [](Frame& f) { f.step = -5; }},
      Case{"it sent a header with fields that are to be 0", [](Frame& f) { f.digest[15] = 1; }},
      Case{"it sent a header with fields that are to be 0", [](Frame& f) { f.number = 1; }},
      Case{"it says that it has let go of 99 vectors of kind 0, after 0, and got ",
           [](Frame& f) { f = node::room_frame(kShape, 0, 99); }},
      Case{"it says that it has let go of 0 vectors of kind 0, after 0, and got ",
           [](Frame& f) { f = node::room_frame(kShape, 0, 0); }},
      Case{"it answers what it was not asked",
           [](Frame& f) { f = node::ask_frame(kShape, What::kAnswer, 1); }},
      Case{"it asks twice, or out of turn, what has arrived",
           [](Frame& f) { f = node::ask_frame(kShape, What::kAsk, 2); }});
  const auto accounts = run_beside(to_all([&](Transport& transport, int peer) {
    Frame frame = node::vector_frame(kShape, 0, 0);
    lie.spoil(frame);
    send(transport, peer, frame);
  }));
  for (const PeerAccount& account : accounts) {
    CAPTURE(lie.why, account.why);
    CHECK(account.gone);
    CHECK(account.why.starts_with(lie.why));
  }
}

TEST_CASE("A message of the wrong size cuts its rank off") {
  const bool header = GENERATE(true, false);
  const auto accounts = run_beside(to_all([&](Transport& transport, int peer) {
    if (header) {
      const char byte = 0;
      transport.send(peer, &byte, 1, Channel::kHeaders)->wait(soon());
    } else {
      send(transport, peer, node::vector_frame(kShape, 0, 0), 7);
    }
  }));
  for (const PeerAccount& account : accounts) {
    CHECK(account.why == (header ? "it sent a message of 1 bytes where 64 were expected"
                                 : "it sent a message of 28 bytes where 400 were expected"));
  }
}

TEST_CASE("Who floods is cut off when no more may wait") {
  const auto accounts = run_beside(to_all([](Transport& transport, int peer) {
    for (std::int64_t step = 0; step < 50; ++step) {
      send(transport, peer, node::vector_frame(kShape, 1, (std::int64_t{1} << 50) + step), kCount);
    }
  }));
  for (const PeerAccount& account : accounts) {
    CHECK(account.why ==
          "it sent more than the 3 vectors of a kind that may wait, or replayed as "
          "many");
  }
}

TEST_CASE("Replays are dropped and counted, and their rank runs out of room") {
  const auto accounts = run_beside(to_all([](Transport& transport, int peer) {
    for (int turn = 0; turn < 10; ++turn) {
      send(transport, peer, node::vector_frame(kShape, 1, 3), kCount);
    }
  }));
  for (const PeerAccount& account : accounts) {
    CHECK(account.replayed >= 2);
    CHECK(account.gone);
  }
}

TEST_CASE("Steps that are far off wait, and lead nobody away") {
  auto ends = local_transports(3);
  Node honest(ends[0], kCount, kF32, kOptions);
  Node other(ends[1], kCount, kF32, kOptions);
  send(*ends[2], 0, node::vector_frame(kShape, 0, std::int64_t{1} << 60), kCount);
  const test::Bytes x = test::random_vector(1, kCount, kF32);
  other.publish(0, 6, x.data(), {0});
  try {
    honest.collect({.kind = 0, .step = 5, .q = 2}, soon());
    FAIL("both have passed step 5");
  } catch (const QuorumError& error) {
    // Of two that are needed one lies: the other says where they are, or has not yet.
    CHECK((error.next_step() == 6));
  }
  // Rank 2 is not asked: where one vector is needed, one liar is a quorum that has gone on.
  CHECK(honest.collect({.kind = 0, .step = 6, .q = 1, .sources = {1}}, soon()).ranks ==
        std::vector<int>{1});
}

TEST_CASE("A rank that announces a vector and sends none holds up nobody") {
  const auto accounts =
      run_beside(to_all([](Transport& transport, int peer) {
                   send(transport, peer, node::vector_frame(kShape, 1, kSteps / 2));
                 }),
                 std::chrono::milliseconds(50));
  for (const PeerAccount& account : accounts) CHECK_FALSE(account.gone);
}

TEST_CASE("A silent rank that never takes anything does not keep close waiting") {
  auto ends = local_transports(2);
  const auto begin = Clock::now();
  {
    Node node(ends[0], kCount, kF32, kOptions);
    const test::Bytes x = test::random_vector(0, kCount, kF32);
    for (std::int64_t step = 0; step < 100; ++step) node.publish(0, step, x.data(), {1});
    CHECK_FALSE(node.flush(Clock::now() + std::chrono::milliseconds(50)));
  }
  CHECK(Clock::now() - begin < seconds(20));
}

TEST_CASE("When so many are gone that the quorum cannot be had, that is said at once") {
  auto ends = local_transports(3);
  Node node(ends[0], kCount, kF32, kOptions);
  test::run(2, [&](int turn) {
    if (turn == 1) return ends[1]->abort();
    try {
      node.collect({.kind = 0, .step = 0, .q = 2}, Clock::now() + std::chrono::hours(24));
      expect(false, "rank 1 is gone");
    } catch (const QuorumError& error) {
      expect(error.gone() == std::vector<int>{1} && error.missing() == std::vector<int>{2},
             error.what());
    }
  });
}

TEST_CASE("What a rank sent before it ended is collected") {
  auto ends = local_transports(2);
  Node node(ends[0], kCount, kF32, kOptions);
  {
    Node leaver(ends[1], kCount, kF32, kOptions);
    const test::Bytes x = test::random_vector(1, kCount, kF32);
    for (std::int64_t step = 0; step < 2; ++step) leaver.publish(0, step, x.data(), {0});
    CHECK(leaver.flush(soon()));
  }
  for (std::int64_t step = 0; step < 2; ++step) {
    CHECK(node.collect({.kind = 0, .step = step}, soon()).ranks == std::vector<int>{1});
  }
  CHECK_THROWS_AS(node.collect({.kind = 0, .step = 2}, soon()), QuorumError);
}

}  // namespace
}  // namespace byzccl
