// SPDX-License-Identifier: MIT
// What the thread beside a communicator's own answers when other ranks judge.

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "csrc/collective/faults.hpp"
#include "csrc/collective/sentry.hpp"
#include "support/catch.hpp"
#include "support/passing_transport.hpp"
#include "support/ranks.hpp"

namespace byzccl::collective {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimeout{2000};  // so it looks ten times a second
constexpr milliseconds kLooks{600};

/// Counts the answers and the questions of a rank, and may be out of reach.
class CountingBoard final : public Board {
 public:
  explicit CountingBoard(Board& inner) : inner_(inner) {}
  void put(const std::string& key, const std::string& value) override {
    inner_.put(key, value);
    ++puts;
  }
  std::optional<std::string> get(const std::string& key) override {
    ++gets;
    if (is_lost) throw Error("the board is out of reach");
    return inner_.get(key);
  }
  std::string put_first(const std::string& key, const std::string& value) override {
    return inner_.put_first(key, value);
  }

  std::atomic<int> puts{0};
  std::atomic<int> gets{0};
  std::atomic<bool> is_lost{false};

 private:
  Board& inner_;
};

class CountingTransport final : public test::PassingTransport {
 public:
  explicit CountingTransport(std::shared_ptr<Transport> inner)
      : PassingTransport(std::move(inner)), counted(PassingTransport::board()) {}
  Board& board() override { return counted; }

  CountingBoard counted;
};

/// Rank 0 of a group in which rank 2 has failed.
struct Rank {
  explicit Rank(milliseconds timeout = kTimeout, bool alarm = true) : options{.timeout = timeout} {
    if (alarm) announce(*ends[2], "out of memory");
  }

  std::optional<Presence> answer() const {
    const auto text = ends[1]->board().get("byzccl/present/0");
    return text ? parse_presence(*text) : std::nullopt;
  }
  /// Whether it answers so, soon.
  bool answers(Presence presence) const {
    const Deadline end = Clock::now() + std::chrono::seconds(20);
    while (answer() != presence && Clock::now() < end) std::this_thread::sleep_for(milliseconds(5));
    return answer() == presence;
  }

  std::vector<std::shared_ptr<Transport>> ends = local_transports(3);
  CountingTransport transport{ends[0]};
  Waits waits{3};
  CommunicatorOptions options;
};

TEST_CASE("a rank answers what it is at, once, and takes back that it waits never") {
  Rank rank;
  Sentry sentry(rank.transport, rank.waits, rank.options);
  CHECK(rank.answers(Presence::kIdle));
  rank.waits.enter(Stage::kTogether);
  CHECK(rank.answers(Presence::kHere));
  {
    const Waits::Scope waits(rank.waits, 1);
    CHECK(rank.answers(Presence::kWaits));
  }
  std::this_thread::sleep_for(kLooks);
  CHECK(rank.answer() == Presence::kWaits);
  CHECK(rank.transport.counted.puts == 3);
}

TEST_CASE("a rank says nothing where it is about to say more itself, or nobody has failed") {
  Rank leaves;
  leaves.waits.enter(Stage::kLeaving);
  Rank posts;
  const Waits::Scope posting(posts.waits);
  Rank well(kTimeout, false);
  {
    Sentry first(leaves.transport, leaves.waits, leaves.options);
    Sentry second(posts.transport, posts.waits, posts.options);
    Sentry third(well.transport, well.waits, well.options);
    std::this_thread::sleep_for(kLooks);
  }
  for (const Rank* const rank : {&leaves, &posts, &well}) {
    CHECK(rank->answer() == std::nullopt);
  }
}

TEST_CASE("a board that is out of reach is left alone") {
  Rank rank;
  rank.transport.counted.is_lost = true;
  Sentry sentry(rank.transport, rank.waits, rank.options);
  const Deadline end = Clock::now() + std::chrono::seconds(20);
  while (rank.transport.counted.gets == 0 && Clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(5));
  }
  rank.transport.counted.is_lost = false;
  std::this_thread::sleep_for(kLooks);
  CHECK(rank.transport.counted.gets == 1);
  CHECK(rank.answer() == std::nullopt);
}

TEST_CASE("a rank that gets on leaves the board alone") {
  constexpr milliseconds kPause{1000};  // between two looks, of so long a timeout
  Rank rank(20 * kPause);
  Sentry sentry(rank.transport, rank.waits, rank.options);
  const Deadline end = Clock::now() + 5 * kPause / 2;
  Deadline last = Clock::now();
  auto longest = Clock::duration{0};
  while (Clock::now() < end) {
    const Waits::Scope waits(rank.waits, 1);
    longest = std::max(longest, Clock::now() - last);
    last = Clock::now();
    std::this_thread::sleep_for(milliseconds(10));
  }
  // On a machine so busy that this thread stood still, it did not get on.
  if (longest < kPause / 2) CHECK(rank.transport.counted.gets == 0);
}

}  // namespace
}  // namespace byzccl::collective
