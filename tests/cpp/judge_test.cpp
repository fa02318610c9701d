// SPDX-License-Identifier: MIT
// Ranks that judge over one board: the first verdict stands for all that can believe it.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "csrc/collective/faults.hpp"
#include "csrc/collective/verdict.hpp"
#include "support/catch.hpp"
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
