// SPDX-License-Identifier: MIT
// Nodes over threads: what is published is collected, first come first, in rank order.

#include <byzccl/byzccl.hpp>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Bytes;
using test::expect;

constexpr DType kF32 = DType::kFloat32;

Deadline soon() { return Clock::now() + seconds(60); }

std::vector<int> others(int rank, int n) {
  std::vector<int> ranks;
  for (int peer = 0; peer < n; ++peer) {
    if (peer != rank) ranks.push_back(peer);
  }
  return ranks;
}

/// A node over each end of a new local group, for fn(node). None is closed before all are done.
template <class F>
void run(int n, std::int64_t count, DType dtype, const NodeOptions& options, const F& fn) {
  auto ends = local_transports(n);
  std::vector<std::unique_ptr<Node>> nodes;
  for (auto& end : ends) {
    nodes.push_back(std::make_unique<Node>(std::move(end), count, dtype, options));
  }
  test::run(n, [&](int rank) { fn(*nodes[static_cast<std::size_t>(rank)]); });
}

Bytes of(int rank, std::int64_t step, std::int64_t count, DType dtype) {
  return test::random_vector(rank, count, dtype, static_cast<int>(step));
}

TEST_CASE("Every rank collects all vectors of every step") {
  const DType dtype = GENERATE(DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64);
  const std::int64_t count = GENERATE(0, 1, 1000, 70'001);
  constexpr int kRanks = 4;
  run(kRanks, count, dtype, {.kinds = 2, .kept = 2}, [&](Node& node) {
    for (std::int64_t step = 0; step < 12; ++step) {
      const Bytes mine = of(node.rank(), step, count, dtype);
      node.publish(1, step, mine.data(), others(node.rank(), kRanks));
      const Collected collected =
          node.collect({.kind = 1, .step = step, .q = kRanks, .own = mine.data()}, soon());
      expect(collected.ranks == std::vector<int>{0, 1, 2, 3}, "all ranks, in order");
      for (int rank = 0; rank < kRanks; ++rank) {
        const Bytes theirs = of(rank, step, count, dtype);
        expect(
            theirs.empty() || std::memcmp(collected.rows[rank], theirs.data(), theirs.size()) == 0,
            "the vector of another rank or step");
      }
      expect(collected.rows[node.rank()] == mine.data(), "the own vector is not copied");
    }
    expect(node.flush(soon()), "all was collected, and so it arrived");
    for (const PeerAccount& account : node.accounts()) {
      expect(account.late == 0 && account.replayed == 0 && !account.gone, "nobody did wrong");
    }
  });
}

TEST_CASE("The first q come, in rank order, and the rest is late") {
  run(4, 1, kF32, {}, [&](Node& node) {
    const float mine = static_cast<float>(node.rank());
    if (node.rank() != 0) {
      if (node.rank() == 1) {
        // Not before the others were collected.
        node.collect({.kind = 7, .step = 0, .sources = {0}}, soon());
      }
      node.publish(0, 5, &mine, {0});
      expect(node.flush(soon()), "it arrived");
      if (node.rank() == 1) node.publish(1, 0, &mine, {0});
      return;
    }
    const Collected collected = node.collect({.kind = 0, .step = 5, .q = 2}, soon());
    expect(collected.ranks == std::vector<int>{2, 3}, "the first two");
    expect(*static_cast<const float*>(collected.rows[1]) == 3, "row 1 is rank 3's");
    node.publish(7, 0, &mine, {1});
    node.collect({.kind = 1, .step = 0, .sources = {1}}, soon());
    expect(node.accounts()[1].late == 1, "rank 1 was late");
    expect(node.accounts()[2].late == 0, "rank 2 was not");
  });
}

TEST_CASE("Values are data") {
  run(2, 3, kF32, {}, [&](Node& node) {
    const float bad[3] = {std::numeric_limits<float>::quiet_NaN(),
                          std::numeric_limits<float>::infinity(), 1e30f};
    node.publish(0, 0, bad, {1 - node.rank()});
    const Collected collected = node.collect({.kind = 0, .step = 0}, soon());
    expect(std::memcmp(collected.rows[0], bad, sizeof(bad)) == 0, "the same bits");
  });
}

TEST_CASE("publish never waits, and what a slow receiver misses is the oldest") {
  constexpr std::int64_t kSteps = 500;
  run(2, 10'000, kF32, {.kept = 2, .unsent = 2}, [&](Node& node) {
    if (node.rank() == 0) {
      for (std::int64_t step = 0; step < kSteps; ++step) {
        const Bytes x = of(0, step, 10'000, kF32);
        node.publish(0, step, x.data(), {1});
      }
      node.publish(1, 0, of(0, 0, 10'000, kF32).data(), {1});
      expect(node.flush(soon()), "the receiver took all that was left");
      return;
    }
    node.collect({.kind = 1, .step = 0}, soon());  // all is published
    const Collected newest = node.collect({.kind = 0, .step = kSteps - 1}, soon());
    const Bytes wanted = of(0, kSteps - 1, 10'000, kF32);
    expect(std::memcmp(newest.rows[0], wanted.data(), wanted.size()) == 0, "the newest");
    expect(node.accounts()[0].late <= 4, "no more than fits");
  });
}

TEST_CASE("A quorum that was overtaken says so at once, and where to go on") {
  run(3, 1, kF32, {}, [&](Node& node) {
    const float x = 1;
    if (node.rank() != 0) {
      node.publish(0, 8 + node.rank(), &x, {0});
      node.collect({.kind = 1, .step = 0, .sources = {0}}, soon());
      return;
    }
    for (const int rank : {1, 2}) {
      expect(node.wait({.kind = 0, .step = 8 + rank, .sources = {rank}}, soon()), "it came");
    }
    const Quorum old{.kind = 0, .step = 3, .q = 2};
    try {
      node.collect(old, Clock::now() + hours(24));
      expect(false, "step 3 cannot be had");
    } catch (const QuorumError& error) {
      expect(!error.timed_out() && error.next_step() == 9, "both have reached 9");
      expect(error.passed() == std::vector<int>{1, 2}, "both have passed");
    }
    expect(node.wait(old, soon()), "it would throw again");
    node.collect({.kind = 0, .step = 9, .q = 1}, soon());
    node.publish(1, 0, &x, {1, 2});
    node.flush(soon());
  });
}

TEST_CASE("A node without which a quorum has gone on follows it, and waits for nobody") {
  run(4, 1, kF32, {}, [&](Node& node) {
    const float x = 1;
    if (node.rank() == 3) return;  // silent, and so step 5 might still come
    if (node.rank() != 0) {
      if (node.rank() == 1) node.publish(0, 5, &x, {0});
      node.publish(0, 6, &x, {0});
      node.collect({.kind = 1, .step = 0, .sources = {0}}, soon());
      return;
    }
    for (const int rank : {1, 2}) {
      expect(node.wait({.kind = 0, .step = 6, .sources = {rank}}, soon()), "it came");
    }
    try {
      node.collect({.kind = 0, .step = 5, .q = 2}, Clock::now() + hours(24));
      expect(false, "two have gone on");
    } catch (const QuorumError& error) {
      expect(!error.timed_out() && error.next_step() == 6, "both are at 6");
      expect(error.missing() == std::vector<int>{3}, "one is missing");
      expect(std::string(error.what()).find("had gone on to later steps") != std::string::npos,
             error.what());
    }
    expect(node.collect({.kind = 0, .step = 6, .q = 2}, soon()).ranks == std::vector<int>{1, 2},
           "nothing of step 6 was dropped");
    node.publish(1, 0, &x, {1, 2});
    node.flush(Clock::now() + std::chrono::seconds(1));
  });
}

/// Time passes when the test lets it.
class HeldClock final : public NodeClock {
 public:
  Deadline now() override { return now_; }
  void wait(std::condition_variable&, std::unique_lock<std::mutex>&, Deadline moment) override {
    now_ = moment;
    ++waits;
  }
  int waits = 0;

 private:
  Deadline now_ = Clock::now();
};

TEST_CASE("On the deadline the error names who is missing, by the node's own clock") {
  auto ends = local_transports(3);
  const auto clock = std::make_shared<HeldClock>();
  Node node(ends[0], 1, kF32, {.clock = clock});
  const float own = 0;
  try {
    node.collect({.kind = 0, .step = 4, .q = 3, .own = &own}, clock->now() + hours(1000));
    FAIL("nobody published");
  } catch (const QuorumError& error) {
    CHECK(error.timed_out());
    CHECK(error.missing() == std::vector<int>{1, 2});
    CHECK(std::string(error.what()) ==
          "step 4 of kind 0: 2 vectors of other ranks did not come in time, 0 are here; missing: "
          "rank 1 (nothing of the kind has come), rank 2 (nothing of the kind has come)");
  }
  CHECK(clock->waits > 0);
  CHECK_FALSE(node.wait({.kind = 0, .step = 4}, clock->now() + hours(1)));
}

TEST_CASE("close ends who waits, at once") {
  auto ends = local_transports(2);
  Node node(ends[0], 1, kF32);
  test::run(2, [&](int rank) {
    if (rank == 1) return node.close();
    const std::string said = test::message_of<Error>(
        [&] { node.collect({.kind = 0, .step = 0}, Clock::now() + hours(24)); });
    expect(said == "the node is closed", said);
  });
  const float x = 0;
  CHECK_THROWS_AS(node.publish(0, 0, &x, {1}), Error);
  node.close();
}

TEST_CASE("One rank alone collects its own vector") {
  Node node(local_transports(1)[0], 1, kF32);
  const float own = 7;
  node.publish(0, 0, &own, {});
  CHECK(node.collect({.kind = 0, .step = 0, .own = &own}, soon()).rows[0] == &own);
  CHECK(node.flush(soon()));
}

TEST_CASE("Mistakes of the caller") {
  auto ends = local_transports(3);
  CHECK_THROWS_AS(Node(nullptr, 1, kF32), InvalidArgument);
  CHECK_THROWS_AS(Node(ends[0], -1, kF32), InvalidArgument);
  CHECK_THROWS_AS(Node(ends[0], 1, kF32, {.kinds = 0}), InvalidArgument);
  CHECK_THROWS_AS(Node(ends[0], 1, kF32, {.kinds = 65}), InvalidArgument);
  CHECK_THROWS_AS(Node(ends[0], 1, kF32, {.kept = 0}), InvalidArgument);
  CHECK_THROWS_AS(Node(ends[0], 1, kF32, {.unsent = 0}), InvalidArgument);

  Node node(ends[0], 1, kF32, {.kinds = 2});
  const float x = 0;
  const auto publish = [&](int kind, std::int64_t step, const std::vector<int>& to) {
    return test::message_of<InvalidArgument>([&] { node.publish(kind, step, &x, to); });
  };
  CHECK(publish(2, 0, {1}) == "kinds are 0 to 1, got 2");
  CHECK(publish(-1, 0, {1}) == "kinds are 0 to 1, got -1");
  CHECK(publish(0, -1, {1}) == "step must not be negative, got -1");
  CHECK(publish(0, 0, {0}) == "rank 0 of 3 publishes to other ranks, got 0");
  CHECK(publish(0, 0, {3}) == "rank 0 of 3 publishes to other ranks, got 3");
  CHECK(publish(0, 0, {1, 1}) == "rank 1 is among the receivers twice");
  CHECK(publish(0, 3, {1}) == "");
  CHECK(publish(0, 3, {2, 1}) == "steps rise: kind 0 was published with step 3 before, got 3");
  CHECK(publish(0, 2, {2}) == "");  // the one that failed sent nothing
  CHECK(test::message_of<InvalidArgument>([&] { node.publish(0, 9, nullptr, {1}); }) ==
        "x is null");

  const auto collect = [&](const Quorum& quorum) {
    return test::message_of<InvalidArgument>([&] { node.collect(quorum, Clock::now()); });
  };
  CHECK(collect({.kind = 2}) == "kinds are 0 to 1, got 2");
  CHECK(collect({.step = -1}) == "step must not be negative, got -1");
  CHECK(collect({.q = 3}) == "q must be 1 to 2, the ranks that count, got 3");
  CHECK(collect({.q = 0}) == "q must be 1 to 2, the ranks that count, got 0");
  CHECK(collect({.q = 4, .own = &x}) == "q must be 1 to 3, the ranks that count, got 4");
  CHECK(collect({.own = nullptr}) == "own is null");
  CHECK(collect({.sources = {3}}) == "sources are ranks 0 to 2, got 3");
  CHECK(collect({.sources = {1, 1}}) == "rank 1 is among the sources twice");
  CHECK(collect({.sources = {0}}) ==
        "rank 0 is among its own sources, and its own vector is not given");
}

}  // namespace
}  // namespace byzccl
