// SPDX-License-Identifier: MIT
// Ranks that stop, die, crawl, lie or give up: the others are done in time and name the same one.

#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "csrc/collective/header.hpp"
#include "support/catch.hpp"
#include "support/faulty_transport.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using std::chrono::milliseconds;
using test::Bytes;
using test::FaultPlan;
using test::FaultyTransport;

constexpr DType kF32 = DType::kFloat32;
constexpr int kRanks = 5;
constexpr int kCulprit = 3;
constexpr std::int64_t kColumns = 5 * 1024;
constexpr milliseconds kTimeout{600};
constexpr milliseconds kGrace = kTimeout;
/// A loaded machine may be late by this much; a second timeout would show.
constexpr milliseconds kSlack{500};

/// What became of one rank's reduction.
struct Fate {
  bool finished = false;
  std::string message;
  std::vector<int> suspects;
  milliseconds took{0};
};

using Plans = std::function<FaultPlan(int rank)>;

struct Trial {
  Algorithm algorithm = Algorithm::kSharded;
  const char* rule = "krum(f=1)";
  Plans plan_of = [](int) { return FaultPlan{}; };
  bool culprit_calls = true;
  int reductions = 1;
};

/// Reduces on all ranks; what holds the culprit is released when the others are done.
std::vector<Fate> try_out(const Trial& trial) {
  auto ends = local_transports(kRanks);
  std::vector<Fate> fates(kRanks);
  std::atomic<int> waiting{kRanks - 1};
  test::run(kRanks, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    const auto transport =
        std::make_shared<FaultyTransport>(std::move(ends[index]), trial.plan_of(rank));
    Communicator communicator(
        transport, {.algorithm = trial.algorithm, .timeout = kTimeout, .chunk_bytes = 1024});
    Fate& fate = fates[index];
    const auto start = Clock::now();
    std::optional<Pending> pending;
    Bytes x = test::random_vector(rank, kColumns, kF32);
    if (rank != kCulprit || trial.culprit_calls) {
      for (int i = 0; i < trial.reductions; ++i) {
        pending = communicator.all_reduce(x.data(), kColumns, kF32, Rule::parse(trial.rule));
      }
    }
    if (rank == kCulprit) {
      while (waiting > 0) std::this_thread::sleep_for(milliseconds(1));
      transport->release();
    }
    if (!pending) return;
    try {
      pending->wait();
      fate.finished = true;
    } catch (const TransportError& error) {
      fate.message = error.what();
      fate.suspects = error.suspects();
    } catch (const std::exception& error) {
      fate.message = std::string("another kind of error: ") + error.what();
    }
    fate.took = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
    if (rank != kCulprit) --waiting;
  });
  return fates;
}

void check_named(const std::vector<Fate>& fates, const std::string& message) {
  for (int rank = 0; rank < kRanks; ++rank) {
    if (rank == kCulprit) continue;
    const Fate& fate = fates[static_cast<std::size_t>(rank)];
    CAPTURE(rank, fate.finished);
    CHECK(fate.message == message);
    CHECK(fate.suspects == std::vector<int>{kCulprit});
    CHECK(fate.took < kTimeout + kGrace + kSlack);
  }
}

Plans only_culprit(FaultPlan plan) {
  return [plan](int rank) { return rank == kCulprit ? plan : FaultPlan{}; };
}

TEST_CASE("a rank that never calls is named by all") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  check_named(try_out({.algorithm = algorithm, .culprit_calls = false}),
              "rank 3 did not answer within 600 ms (step 0, all_reduce krum(f=1))");
}

// Sends of one rank, n = 5, 5 tiles, chunks of a quarter tile. sharded: 4 headers, 16 payload, 4
// headers, 4 sums, 16 result. ring: 4 headers, 20 own, 60 forwarded, 4 headers; whom the last of
// those reach have all that they need, and finish.
TEST_CASE("a rank that stops or dies anywhere is named by all") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const auto kind = GENERATE(FaultPlan::Kind::kFreeze, FaultPlan::Kind::kDie);
  const std::vector<int> points = algorithm == Algorithm::kSharded
                                      ? std::vector<int>{0, 2, 4, 11, 20, 22, 24, 26, 30}
                                      : std::vector<int>{0, 2, 4, 10, 24, 47, 84};
  for (const int point : points) {
    CAPTURE(to_text(algorithm), static_cast<int>(kind), point);
    const auto fates = try_out(
        {.algorithm = algorithm, .plan_of = only_culprit({.kind = kind, .sends_before = point})});
    check_named(fates, kind == FaultPlan::Kind::kFreeze
                           ? "rank 3 did not answer within 600 ms (step 0, all_reduce krum(f=1))"
                           : "rank 3 closed the connection (step 0, all_reduce krum(f=1))");
    CHECK_FALSE(fates[kCulprit].finished);
  }
}

TEST_CASE("a column rule's exchange fails alike") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const FaultPlan plan{.kind = FaultPlan::Kind::kFreeze, .sends_before = 22};
  check_named(try_out({.algorithm = algorithm, .rule = "median", .plan_of = only_culprit(plan)}),
              "rank 3 did not answer within 600 ms (step 0, all_reduce median)");
}

TEST_CASE("a slow rank is not blamed for one that stopped") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  // In a ring it is the slow rank that waits for the dead one, and the others wait for the slow.
  const Plans plans = [](int rank) {
    if (rank == kCulprit) return FaultPlan{.kind = FaultPlan::Kind::kFreeze, .sends_before = 10};
    return FaultPlan{.delay = milliseconds(rank == (kCulprit + 1) % kRanks ? 3 : 0)};
  };
  check_named(try_out({.algorithm = algorithm, .plan_of = plans}),
              "rank 3 did not answer within 600 ms (step 0, all_reduce krum(f=1))");
}

TEST_CASE("a slow rank alone is waited for") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const Plans plans = only_culprit({.delay = milliseconds(4)});
  for (const Fate& fate : try_out({.algorithm = algorithm, .plan_of = plans})) {
    CAPTURE(fate.message);
    CHECK(fate.finished);
  }
}

TEST_CASE("what follows a failure fails with the same words") {
  const FaultPlan plan{.kind = FaultPlan::Kind::kDie, .sends_before = 6};
  check_named(try_out({.plan_of = only_culprit(plan), .reductions = 3}),
              "rank 3 closed the connection (step 0, all_reduce krum(f=1))");
}

TEST_CASE("without a board a rank says what it saw") {
  const Plans plans = [](int rank) {
    FaultPlan plan{.board_fails = true};
    if (rank == kCulprit) plan.kind = FaultPlan::Kind::kDie;
    return plan;
  };
  check_named(try_out({.plan_of = plans}),
              "rank 3 closed the connection (step 0, all_reduce krum(f=1))");
}

TEST_CASE("a header of random bytes names its sender") {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Bytes noise(sizeof(collective::Header));
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random() & 0xffu);
    // Every other round the noise begins after a good magic number and version.
    const std::size_t kept = round % 2 == 0 ? 0 : 8;
    const int victim = round % 3 == 0 ? 1 : -1;  // to one rank only, or to all
    const FaultPlan plan{.rewrite = [=](int peer, int index, std::span<std::byte> message) {
      if (index >= kRanks - 1 || (victim >= 0 && peer != victim)) return;
      std::copy(noise.begin() + static_cast<std::ptrdiff_t>(kept), noise.end(),
                message.begin() + static_cast<std::ptrdiff_t>(kept));
    }};
    for (const Fate& fate : try_out({.plan_of = only_culprit(plan)})) {
      CAPTURE(round, fate.message);
      CHECK(fate.message.starts_with("rank 3 broke the protocol: a header "));
      CHECK(fate.suspects == std::vector<int>{kCulprit});
    }
  }
}

TEST_CASE("every field of a header is checked") {
  using collective::Header;
  struct Lie {
    const char* words;
    std::function<void(Header&)> tell;
  };
  const std::vector<Lie> lies = {
      {"without the magic number", [](Header& h) { h.magic ^= 1; }},
      {"that claims to be from rank 2", [](Header& h) { h.rank = 2; }},
      {"with an unknown value", [](Header& h) { h.message = collective::Message{2}; }},
      {"with an unknown value", [](Header& h) { h.algorithm = Algorithm{2}; }},
      {"with an unknown value", [](Header& h) { h.operation = collective::Operation{3}; }},
      {"with an unknown value", [](Header& h) { h.dtype = DType{4}; }},
      {"with an unknown value", [](Header& h) { h.refused = 2; }},
      {"with a step or an index out of range", [](Header& h) { h.step = -1; }},
      {"with a step or an index out of range", [](Header& h) { h.step = INT64_MAX; }},
      {"with a step or an index out of range", [](Header& h) { h.index = -1; }},
      {"with bytes where none belong", [](Header& h) { h.zero[6] = 1; }},
      {"with text that is not text", [](Header& h) { std::memset(h.rule, 'a', sizeof h.rule); }},
      {"with text that is not text", [](Header& h) { h.kind[0] = '\n'; }},
      {"with text that is not text",
       [](Header& h) {
         h.reason[3] = '\x80';
         h.reason[0] = h.reason[1] = h.reason[2] = 'a';
       }},
  };
  Header good;
  good.rank = 3;
  CHECK(collective::find_fault(good, 3).empty());
  for (const Lie& lie : lies) {
    Header header = good;
    lie.tell(header);
    CHECK(collective::find_fault(header, 3) == std::string("a header ") + lie.words);
  }
}

TEST_CASE("a lie that is well formed is a mismatch, whatever it claims") {
  const FaultPlan plan{.rewrite = [](int, int index, std::span<std::byte> message) {
    if (index >= kRanks - 1) return;
    collective::Header header;
    std::memcpy(&header, message.data(), sizeof header);
    header.count = INT64_MAX;
    header.root = -7;
    header.size = INT32_MIN;
    std::memcpy(message.data(), &header, sizeof header);
  }};
  const auto fates = try_out({.plan_of = only_culprit(plan)});
  CHECK(fates[0].message ==
        "another kind of error: ranks disagree on count: 5120 from ranks 0, 1, 2, 4; "
        "9223372036854775807 from rank 3\n"
        "ranks disagree on world size: 5 from ranks 0, 1, 2, 4; -2147483648 from rank 3");
}

TEST_CASE("another version of the protocol is a mismatch that says so") {
  const FaultPlan plan{.rewrite = [](int, int index, std::span<std::byte> message) {
    if (index >= kRanks - 1) return;
    std::fill(message.begin(), message.end(), std::byte{0xff});
    const collective::Header header{.version = 2};
    std::memcpy(message.data(), &header, 8);
  }};
  const auto fates = try_out({.plan_of = only_culprit(plan)});
  CHECK(fates[0].message ==
        "another kind of error: ranks disagree on protocol version: 1 from ranks 0, 1, 2, 4; "
        "2 from rank 3");
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
  const std::string expected = "gave up: enough";
  CHECK(test::message_of<TransportError>([&] { pending.wait(); }) == expected);
  CHECK(test::message_of<TransportError>([&] { pending.wait(); }) == expected);
  CHECK(test::message_of<TransportError>([&] {
          communicator.all_reduce(x.data(), 4, kF32, Rule::parse("mean")).wait();
        }) == expected);
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
