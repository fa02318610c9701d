// SPDX-License-Identifier: MIT
// Ranks that judge over one board: the first verdict stands for all that can believe it.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "csrc/collective/faults.hpp"
#include "csrc/collective/verdict.hpp"
#include "support/catch.hpp"
#include "support/faulty_transport.hpp"
#include "support/passing_transport.hpp"
#include "support/ranks.hpp"

namespace byzccl::collective {
namespace {

using std::chrono::milliseconds;
using Kind = Sighting::Kind;
using Ranks = std::vector<int>;

constexpr milliseconds kTimeout{300};
const std::string kVerdictKey = "byzccl/verdict";

/// A board on which the verdict is not there yet whenever a rank looks.
class LateBoard final : public Board {
 public:
  explicit LateBoard(Board& inner) : inner_(inner) {}
  void put(const std::string& key, const std::string& value) override { inner_.put(key, value); }
  std::optional<std::string> get(const std::string& key) override {
    return key == kVerdictKey ? std::nullopt : inner_.get(key);
  }
  std::string put_first(const std::string& key, const std::string& value) override {
    return inner_.put_first(key, value);
  }

 private:
  Board& inner_;
};

class LateBoardTransport final : public test::PassingTransport {
 public:
  using PassingTransport::PassingTransport;
  Board& board() override { return board_; }

 private:
  LateBoard board_{PassingTransport::board()};
};

Witness saw(Sighting seen, Ranks later = {}) {
  return {std::move(seen), [later = std::move(later)] { return later; }};
}

TransportError judge_as(Transport& transport, const Witness& witness) {
  return judge(transport, witness, kTimeout, concat("the words of rank ", transport.rank()));
}

TEST_CASE("a rank throws the verdict that stands, not its own") {
  const auto ends = local_transports(3);
  const std::string first = judge_as(*ends[1], saw({Kind::kGone, {2}})).what();
  CHECK(first == "rank 2 closed the connection (the words of rank 1)");
  const TransportError second = judge_as(*ends[0], saw({Kind::kTimedOut, {2}}));
  CHECK(second.what() == first);
  CHECK(second.suspects() == Ranks{2});
}

TEST_CASE("a rank throws the verdict that came while it made its own") {
  const auto ends = local_transports(3);
  const std::string first = judge_as(*ends[1], saw({Kind::kGone, {2}})).what();
  LateBoardTransport late(ends[0]);
  const TransportError second = judge_as(late, saw({Kind::kTimedOut, {2}}));
  CHECK(second.what() == first);
}

TEST_CASE("ranks that judge at once throw alike") {
  const auto ends = local_transports(6);
  std::vector<std::string> messages(4);
  test::run(4, [&](int rank) {
    messages[static_cast<std::size_t>(rank)] =
        judge_as(*ends[static_cast<std::size_t>(rank)], saw({Kind::kGone, {4}}, {5})).what();
  });
  for (const std::string& message : messages) {
    CHECK(message.starts_with(
        "rank 4 closed the connection; rank 5 closed the connection (the words of rank "));
    CHECK(message == messages[0]);
  }
}

TEST_CASE("a verdict that nobody's words are a reason for is contested") {
  const auto ends = local_transports(4);
  ends[1]->board().put(kVerdictKey, "2 2 \nrank 2 is\x1b[1m bad\xff");
  const TransportError error = judge_as(*ends[0], saw({Kind::kGone, {3}}));
  CHECK(error.what() ==
        std::string("contested: the board says rank 2; this rank saw: rank 3 closed the connection "
                    "(the words of rank 0); in the words of the board: rank 2 is?[1m bad?"));
  CHECK(error.suspects() == Ranks{3});
}

TEST_CASE("a rank that is framed does not name itself") {
  const auto ends = local_transports(3);
  ends[2]->board().put("byzccl/sighting/2", to_text(Sighting{Kind::kGone, {0}}));
  ends[2]->board().put(kVerdictKey, "0 \nrank 0 broke the protocol: noise");
  const TransportError error = judge_as(*ends[0], saw({Kind::kGone, {2}}));
  CHECK(std::string(error.what()).starts_with("contested: the board says rank 0; this rank saw: "));
  CHECK(error.suspects().empty());
}

TEST_CASE("who answers that it waits is not named with the one that is silent") {
  const auto ends = local_transports(4);
  answer(*ends[1], Presence::kWaits);
  answer(*ends[3], Presence::kHere);
  const TransportError error = judge_as(*ends[0], saw({Kind::kGone, {2}, "", true}));
  CHECK(error.suspects() == Ranks{2});
}

TEST_CASE(
    "who lives but has not called is not named beside one that is gone, who says nothing is") {
  const auto ends = local_transports(5);
  answer(*ends[1], Presence::kIdle);
  Witness witness = saw({Kind::kGone, {2}});
  witness.missing = [] { return Ranks{1, 2, 3}; };  // rank 4 has sent all that it is to send
  CHECK(judge_as(*ends[0], witness).suspects() == Ranks{2, 3});
}

TEST_CASE("ranks that time out together blame none of them for writing last") {
  const Sighting nobody_came{.kind = Kind::kTimedOut, .peers = {}, .detail = {}, .everybody = true};
  const auto ends = local_transports(4);
  std::vector<Ranks> named(4);
  test::run(4, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    std::this_thread::sleep_for(rank == 3 ? kTimeout / 10 : milliseconds(0));
    named[index] = judge(*ends[index], {nobody_came}, kTimeout, "they met").suspects();
  });
  CHECK(named == std::vector<Ranks>(4));
  const auto without = local_transports(4);
  test::run(3, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    named[index] = judge(*without[index], {nobody_came}, kTimeout, "they met").suspects();
  });
  CHECK(named == std::vector<Ranks>{{3}, {3}, {3}, {}});
}

TEST_CASE("nobody waits for words that would change nothing") {
  constexpr milliseconds kLong{60'000};
  const auto seconds_to_judge = [&](const Sightings& others, const Sighting& own) {
    const auto ends = local_transports(4);
    for (const auto& [rank, sighting] : others) {
      ends[0]->board().put(concat("byzccl/sighting/", rank), to_text(sighting));
    }
    const auto start = Clock::now();
    judge(*ends[0], {own}, kLong, "");
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  constexpr double kQuick = 3;  // the time for words would be five seconds
  const Sighting gone{Kind::kGone, {3}};
  CHECK(seconds_to_judge({{1, gone}, {2, gone}}, gone) < kQuick);
  CHECK(seconds_to_judge({{1, gone}, {2, gone}, {3, {Kind::kGone, {0}}}}, gone) < kQuick);
  CHECK(seconds_to_judge({{2, {Kind::kLied, {3}, "noise"}}}, gone) < kQuick);
  CHECK(seconds_to_judge({{2, {Kind::kGaveUp, {2}, "full"}}}, gone) < kQuick);
  CHECK(seconds_to_judge({{2, {Kind::kContradicted, {1, 3}, "a, b"}}}, gone) < kQuick);
}

TEST_CASE("who wrote why it failed is not taken for one that waits, as it did before") {
  const auto ends = local_transports(3);
  answer(*ends[1], Presence::kWaits);
  ends[1]->board().put("byzccl/sighting/1", to_text(Sighting{Kind::kGone, {0}}));
  ends[2]->board().put("byzccl/sighting/2", to_text(Sighting{Kind::kTimedOut, {1}}));
  const TransportError error = judge_as(*ends[0], saw({Kind::kTimedOut, {1}}));
  CHECK(error.what() == std::string("rank 1 did not answer within 300 ms (the words of rank 0)"));
}

TEST_CASE("words of a rank that there is not are not heard") {
  const auto ends = local_transports(3);
  ends[1]->board().put("byzccl/sighting/3", to_text(Sighting{Kind::kLied, {1}, "noise"}));
  ends[1]->board().put("byzccl/sighting/-1", to_text(Sighting{Kind::kLied, {1}, "noise"}));
  CHECK(judge_as(*ends[0], saw({Kind::kGone, {2}})).suspects() == Ranks{2});
}

TEST_CASE("without a board a rank names whom it knows to blame, else the host of the board") {
  struct Case {
    int n;
    int host;
    Sighting seen;
    Ranks named;
  };
  for (const Case& given :
       {Case{3, 0, {Kind::kGone, {2}}, {0}}, Case{3, 2, {Kind::kTimedOut, {1}}, {2}},
        Case{3, 1, {Kind::kGone, {2}}, {}},  // its own process
        Case{3, -1, {Kind::kGone, {2}}, {}}, Case{3, 0, {Kind::kLied, {2}, "noise"}, {2}},
        Case{3, 0, {Kind::kGaveUp, {1}, "full"}, {1}}, Case{2, -1, {Kind::kGone, {0}}, {0}},
        Case{2, -1, {Kind::kTimedOut, {}}, {0}}}) {
    CAPTURE(given.n, given.host, to_text(given.seen));
    test::FaultyTransport transport(local_transports(given.n)[1],
                                    {.board_fails = true, .board_host = given.host});
    CHECK(judge_as(transport, saw(given.seen)).suspects() == given.named);
  }
}

TEST_CASE("the alarm is raised by who judges and by who gives up") {
  for (const bool judges : {false, true}) {
    const auto ends = local_transports(2);
    CHECK_FALSE(somebody_failed(*ends[0]));
    if (judges) {
      judge_as(*ends[1], saw({Kind::kGone, {0}}));
    } else {
      announce(*ends[1], "out of memory");
    }
    CHECK(somebody_failed(*ends[0]));
  }
}

}  // namespace
}  // namespace byzccl::collective
