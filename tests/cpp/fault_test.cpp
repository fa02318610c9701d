// SPDX-License-Identifier: MIT
// Ranks that stop, die, crawl or give up: the others are done in time and name the same one.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "csrc/collective/sighting.hpp"
#include "support/catch.hpp"
#include "support/passing_transport.hpp"
#include "support/trial.hpp"

namespace byzccl {
namespace {

using std::chrono::milliseconds;
using test::Bytes;
using test::Fate;
using test::FaultPlan;
using test::kCulprit;
using test::kRanks;
using test::only_culprit;
using test::try_out;

constexpr DType kF32 = DType::kFloat32;
/// A timeout and the time for words, and what a loaded machine may be late by; a second timeout
/// would show.
bool in_time(const Fate& fate) {
  return fate.took < fate.timeout + fate.timeout / 3 + milliseconds(500);
}

enum class Saw { kSilence, kClosing };

/// All but the culprit name it alone, for what they saw, with the same words, and in time.
void check_named(const std::vector<Fate>& fates, Saw saw, const char* rule = "krum(f=1)") {
  for (int rank = 0; rank < kRanks; ++rank) {
    if (rank == kCulprit) continue;
    const Fate& fate = fates[static_cast<std::size_t>(rank)];
    const std::string what = saw == Saw::kClosing
                                 ? "closed the connection"
                                 : "did not answer within " + collective::in_words(fate.timeout);
    CAPTURE(rank, fate.finished);
    CHECK(fate.message == concat("rank 3 ", what, " (step 0, all_reduce ", rule, ")"));
    CHECK(fate.suspects == std::vector<int>{kCulprit});
    CHECK(in_time(fate));
  }
}

TEST_CASE("a rank that never calls is named by all") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  check_named(try_out({.algorithm = algorithm, .culprit_calls = false}), Saw::kSilence);
}

// Sends of one rank, n = 5, 5 tiles, chunks of a quarter tile. sharded: 4 headers, 4 echoes, 16
// payload, 4 sums, 16 result. ring: 4 headers, 4 echoes, 20 own, 60 forwarded, 4 headers, 4 echoes;
// whom the last of those reach have all that they need, and finish.
TEST_CASE("a rank that stops or dies anywhere is named by all") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const auto kind = GENERATE(FaultPlan::Kind::kFreeze, FaultPlan::Kind::kDie);
  const std::vector<int> points = algorithm == Algorithm::kSharded
                                      ? std::vector<int>{0, 2, 4, 6, 8, 15, 24, 26, 28, 30, 34}
                                      : std::vector<int>{0, 2, 4, 6, 8, 14, 28, 51, 88, 92};
  for (const int point : points) {
    CAPTURE(to_text(algorithm), static_cast<int>(kind), point);
    const auto fates = try_out(
        {.algorithm = algorithm, .plan_of = only_culprit({.kind = kind, .sends_before = point})});
    check_named(fates, kind == FaultPlan::Kind::kFreeze ? Saw::kSilence : Saw::kClosing);
    CHECK_FALSE(fates[kCulprit].finished);
  }
}

TEST_CASE("a column rule's exchange fails alike") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const FaultPlan plan{.kind = FaultPlan::Kind::kFreeze, .sends_before = 22};
  check_named(try_out({.algorithm = algorithm, .rule = "median", .plan_of = only_culprit(plan)}),
              Saw::kSilence, "median");
}

TEST_CASE("a slow rank is not blamed for one that stopped") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  // In a ring it is the slow rank that waits for the dead one, and the others wait for the slow.
  const test::Plans plans = [](int rank) {
    if (rank == kCulprit) return FaultPlan{.kind = FaultPlan::Kind::kFreeze, .sends_before = 10};
    return FaultPlan{.delay = milliseconds(rank == (kCulprit + 1) % kRanks ? 3 : 0)};
  };
  check_named(try_out({.algorithm = algorithm, .plan_of = plans}), Saw::kSilence);
}

TEST_CASE("an echo that nobody owes yet accuses nobody") {
  // Rank 4 stops when only rank 3 lacks its header. Its echoes would follow the header of rank 3.
  const test::Plans plans = [](int rank) {
    if (rank < kCulprit) return FaultPlan{};
    return FaultPlan{.kind = FaultPlan::Kind::kFreeze, .sends_before = rank == kCulprit ? 0 : 3};
  };
  const auto fates = try_out({.plan_of = plans});
  for (int rank = 0; rank < kCulprit; ++rank) {
    CAPTURE(rank);
    CHECK(fates[static_cast<std::size_t>(rank)].suspects == std::vector<int>{kCulprit});
  }
}

TEST_CASE("a slow rank alone is waited for") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const test::Plans plans = only_culprit({.delay = milliseconds(3)});
  for (const Fate& fate : try_out({.algorithm = algorithm, .plan_of = plans})) {
    CAPTURE(fate.message);
    CHECK(fate.finished);
  }
}

TEST_CASE("what follows a failure fails with the same words") {
  const FaultPlan plan{.kind = FaultPlan::Kind::kDie, .sends_before = 6};
  check_named(try_out({.plan_of = only_culprit(plan), .reductions = 3}), Saw::kClosing);
}

TEST_CASE("without a board a rank names its host, and else nobody: whom it lost may be a victim") {
  const int host = GENERATE(-1, kCulprit);
  const auto kind = GENERATE(FaultPlan::Kind::kFreeze, FaultPlan::Kind::kDie);
  const test::Plans plans = [&](int rank) {
    FaultPlan plan{.board_fails = true, .board_host = host};
    if (rank == kCulprit) plan.kind = kind;
    return plan;
  };
  const auto fates = try_out({.plan_of = plans});
  const std::string begin =
      host < 0 ? "the store is out of reach: " : "rank 3, which hosts the store, is out of reach: ";
  for (int rank = 0; rank < kRanks; ++rank) {
    if (rank == kCulprit) continue;
    const Fate& fate = fates[static_cast<std::size_t>(rank)];
    CAPTURE(rank, fate.message);
    CHECK(fate.message.starts_with(begin));
    CHECK(fate.suspects == (host < 0 ? std::vector<int>{} : std::vector<int>{host}));
    CHECK(in_time(fate));
  }
}

/// One rank stops in its own way while the others wait for it.
std::vector<std::string> stop_one(const std::function<void(std::unique_ptr<Communicator>)>& stop) {
  auto ends = local_transports(3);
  std::vector<std::string> messages(3);
  test::run(3, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    auto communicator = std::make_unique<Communicator>(std::move(ends[index]));
    Bytes x = test::random_vector(rank, 99, kF32);
    Exchange exchange = communicator->begin(Rule::parse("krum(f=0)"));
    exchange.add(x.data(), 99, kF32);
    if (rank == 1) return stop(std::move(communicator));
    Pending pending = exchange.finish();
    messages[index] = test::message_of<TransportError>([&] { pending.wait(); });
  });
  return messages;
}

TEST_CASE("who gives up tells the others why") {
  const auto messages = stop_one([](std::unique_ptr<Communicator> communicator) {
    communicator->abort("the loss is NaN");
    communicator->abort("again");
    std::this_thread::sleep_for(milliseconds(50));
  });
  CHECK(messages[0] == "rank 1 gave up: the loss is NaN (step 0, all_reduce krum(f=0))");
  CHECK(messages[2] == messages[0]);
}

TEST_CASE("a reason too long for the board still reaches the others") {
  const auto messages = stop_one([](std::unique_ptr<Communicator> communicator) {
    communicator->abort("disk full " + std::string(5000, 'x'));
    std::this_thread::sleep_for(milliseconds(50));
  });
  CHECK(messages[0].starts_with("rank 1 gave up: disk full xxx"));
  CHECK(messages[2] == messages[0]);
}

TEST_CASE("who destroys its communicator in mid-exchange is named") {
  const auto messages =
      stop_one([](std::unique_ptr<Communicator> communicator) { communicator.reset(); });
  CHECK(messages[0] ==
        "rank 1 gave up: its communicator was destroyed while an exchange was under way (step 0, "
        "all_reduce krum(f=0))");
  CHECK(messages[2] == messages[0]);
}

TEST_CASE("abort fails what is under way and what comes after, with its reason") {
  auto ends = local_transports(2);
  Communicator communicator(ends[0]);
  std::vector<float> x(4);
  Pending pending = communicator.all_reduce(x.data(), 4, kF32, Rule::parse("mean"));
  std::this_thread::sleep_for(milliseconds(10));
  communicator.abort("enough");
  communicator.abort("more than that");
  const std::string expected = "gave up: enough";
  CHECK(test::message_of<TransportError>([&] { pending.wait(); }) == expected);
  CHECK(test::message_of<TransportError>([&] { pending.wait(); }) == expected);
  CHECK(test::message_of<TransportError>([&] {
          communicator.all_reduce(x.data(), 4, kF32, Rule::parse("mean")).wait();
        }) == expected);
}

/// Counts how often its rank stays for the others.
class StayingTransport final : public test::PassingTransport {
 public:
  StayingTransport(std::shared_ptr<Transport> inner, int& stays)
      : PassingTransport(std::move(inner)), stays_(stays) {}
  void stay_for_others(const std::vector<int>&) noexcept override { ++stays_; }

 private:
  int& stays_;
};

TEST_CASE("who gave up stays for the others once, who did not never does") {
  for (const bool gives_up : {false, true}) {
    int stays = 0;
    {
      Communicator communicator(std::make_shared<StayingTransport>(local_transports(1)[0], stays));
      std::vector<float> x(4, 1.0f);
      communicator.all_reduce(x.data(), 4, kF32, Rule::parse("mean")).wait();
      if (gives_up) communicator.abort("enough");
    }
    CHECK(stays == (gives_up ? 1 : 0));
  }
}

TEST_CASE("an exchange may outlive its communicator") {
  auto ends = local_transports(1);
  std::vector<float> x(4, 1.0f);
  auto communicator = std::make_unique<Communicator>(ends[0]);
  Exchange exchange = communicator->begin(Rule::parse("mean"));
  communicator.reset();
  exchange.add(x.data(), 4, kF32);
  Pending pending = exchange.finish();
  CHECK(test::message_of<TransportError>([&] { pending.wait(); }) ==
        "the communicator was destroyed");
}

}  // namespace
}  // namespace byzccl
