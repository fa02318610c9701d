// SPDX-License-Identifier: MIT
// Whom sightings lead to, and that nothing on a board can be misread.

#include "csrc/collective/sighting.hpp"

#include <random>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace byzccl::collective {
namespace {

using Kind = Sighting::Kind;
using Ranks = std::vector<int>;

TEST_CASE("a chain of ranks that wait for each other ends at the one that is silent") {
  // A ring of six: 3 is silent, 4 waits for it, 5 for 4, and so on round to 2.
  Sightings sightings;
  for (int rank = 4; rank != 3; rank = (rank + 1) % 6) {
    sightings[rank] = {Kind::kTimedOut, {(rank + 5) % 6}, ""};
    const int last = rank;
    if (last == 2) break;
  }
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{3});
  CHECK(explain_suspects({3}, {sightings, {}}, std::chrono::seconds(300)) ==
        "rank 3 did not answer within 300 s");
}

TEST_CASE("a rank that wrote is only a victim") {
  const Sightings sightings = {{0, {Kind::kGone, {1}, ""}}, {1, {Kind::kGone, {2}, ""}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{2});
}

TEST_CASE("all that are silent are named") {
  const Sightings sightings = {{0, {Kind::kTimedOut, {1}, ""}}, {2, {Kind::kGone, {3}, ""}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{1, 3});
  CHECK(explain_suspects({1, 3}, {sightings, {}}, std::chrono::milliseconds(250)) ==
        "rank 1 did not answer within 250 ms; rank 3 closed the connection");
}

TEST_CASE("who lied or gave up is named before who is silent") {
  Sightings sightings = {{0, {Kind::kTimedOut, {4}, ""}}, {1, {Kind::kLied, {2}, "noise"}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{2});
  CHECK(explain_suspects({2}, {sightings, {}}, std::chrono::seconds(1)) ==
        "rank 2 broke the protocol: noise");
  sightings = {{0, {Kind::kTimedOut, {4}, ""}}, {3, {Kind::kGaveUp, {3}, "done"}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{3});
  CHECK(explain_suspects({3}, {sightings, {}}, std::chrono::seconds(1)) == "rank 3 gave up: done");
}

TEST_CASE("a rank that wakes up late is named although it writes") {
  const Sightings sightings = {{0, {Kind::kTimedOut, {1}, ""}},
                               {1, {Kind::kGone, {0}, ""}},
                               {2, {Kind::kTimedOut, {1}, ""}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{1});
}

TEST_CASE("a lost link between two that live names nobody, and says so") {
  const Sightings sightings = {{0, {Kind::kGone, {1}, ""}}, {1, {Kind::kGone, {0}, ""}}};
  CHECK(suspects_of({sightings, {}}, 6).empty());
  CHECK(explain_suspects({}, {sightings, {}}, std::chrono::seconds(1)) ==
        "rank 0 lost rank 1; rank 1 lost rank 0");
}

TEST_CASE("who waits for some rank waits for every rank that is silent") {
  Sightings sightings = {{0, {Kind::kTimedOut, {}, "", true}},
                         {2, {Kind::kTimedOut, {}, "", true}}};
  CHECK(suspects_of({sightings, {}}, 4) == Ranks{1, 3});
  CHECK(explain_suspects({1, 3}, {sightings, {}}, std::chrono::seconds(2)) ==
        "rank 1 did not answer within 2 s; rank 3 did not answer within 2 s");
  CHECK(suspects_of({sightings, {}}, 3) == Ranks{1});
  sightings[1] = {Kind::kTimedOut, {}, "", true};
  CHECK(suspects_of({sightings, {}}, 3).empty());
  CHECK(explain_suspects({}, {sightings, {}}, std::chrono::seconds(2)) ==
        "rank 0 lost some rank; rank 1 lost some rank; rank 2 lost some rank");
  sightings[1] = {Kind::kGone, {0}, ""};
  CHECK(suspects_of({sightings, {}}, 3).empty());
  sightings[1] = {Kind::kGaveUp, {1}, "out of memory"};
  CHECK(suspects_of({sightings, {}}, 4) == Ranks{1});
}

TEST_CASE("of ranks that contradict each other the fewest are named, after who is proven to lie") {
  Sightings sightings = {{0, {Kind::kContradicted, {1, 2, 3}, "0 of it"}},
                         {4, {Kind::kTimedOut, {5}, ""}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{1, 2, 3});
  sightings[1] = {Kind::kContradicted, {0, 2}, "1 of it"};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{0, 2});
  CHECK(explain_suspects({0, 2}, {sightings, {}}, std::chrono::seconds(1)) == "1 of it");
  sightings[5] = {Kind::kContradicted, {2, 3}, "5 of it"};  // of as few, who wrote is first
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{0, 2});
  sightings[3] = {Kind::kLied, {2}, "noise"};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{2});
  CHECK(explain_suspects({2}, {sightings, {}}, std::chrono::seconds(1)) ==
        "rank 2 broke the protocol: noise");
}

TEST_CASE("who gives up does so for itself, whomever it names") {
  const Sightings sightings = {{2, {Kind::kGaveUp, {1}, "out of memory"}}};
  CHECK(suspects_of({sightings, {}}, 4) == Ranks{2});
  CHECK(explain_suspects({2}, {sightings, {}}, std::chrono::seconds(1)) ==
        "rank 2 gave up: out of memory");
}

TEST_CASE("silent is who has written neither a sighting nor an answer") {
  const Sightings sightings = {{1, {Kind::kGone, {0}}}};
  CHECK(Words{sightings, {}}.silent(4) == 3);
  CHECK(Words{sightings, {{3, Presence::kHere}}}.silent(4) == 2);
  CHECK(Words{sightings, {{0, Presence::kIdle}}}.silent(2) == 0);
}

TEST_CASE("all whose messages are missing are named, however many") {
  Sightings sightings = {{0, {Kind::kGone, {3, 2}}}, {1, {Kind::kGone, {3}}}};
  CHECK(suspects_of({sightings, {}}, 6) == Ranks{2, 3});
  sightings = {{0, {Kind::kTimedOut, {5, 3, 4, 1}}}, {1, {Kind::kTimedOut, {3, 4, 5}}}};
  CHECK(suspects_of({sightings, {}}, 8) == Ranks{3, 4, 5});
  CHECK(explain_suspects({3, 4}, {sightings, {}}, std::chrono::seconds(2)) ==
        "rank 3 did not answer within 2 s; rank 4 did not answer within 2 s");
}

TEST_CASE("where all must be there, a silent rank that nobody waits for is named, too") {
  // In a ring only rank 3 would have waited for rank 2.
  const Sightings sightings = {{4, {Kind::kGone, {3}, "", true}}};
  std::map<int, Presence> present = {
      {0, Presence::kWaits}, {1, Presence::kHere}, {5, Presence::kWaits}};
  CHECK(suspects_of({sightings, present}, 6) == Ranks{2, 3});
  CHECK(explain_suspects({2, 3}, {sightings, present}, std::chrono::seconds(1)) ==
        "rank 2 fell silent; rank 3 closed the connection");
  const Sightings late = {{4, {Kind::kTimedOut, {3}, "", true}}};
  CHECK(explain_suspects({2}, {late, present}, std::chrono::seconds(1)) ==
        "rank 2 did not answer within 1 s");
}

TEST_CASE("who answers that it waits is a victim; who is only there still keeps others waiting") {
  const Sightings sightings = {{0, {Kind::kTimedOut, {2, 1}}}};
  CHECK(suspects_of({sightings, {{1, Presence::kWaits}}}, 3) == Ranks{2});
  CHECK(suspects_of({sightings, {{1, Presence::kHere}}}, 3) == Ranks{1, 2});
  CHECK(suspects_of({sightings, {{1, Presence::kIdle}}}, 3) == Ranks{1, 2});
}

TEST_CASE("sightings and answers survive the board") {
  for (const Ranks& peers : {Ranks{0, 3, 12}, Ranks{3, 12}}) {
    const auto all = parse_sighting(to_text(Sighting{Kind::kContradicted, peers, "a, b"}), 13);
    REQUIRE(all.has_value());
    CHECK((all->kind == Kind::kContradicted && all->peers == peers && all->detail == "a, b"));
  }
  for (const Kind kind : {Kind::kTimedOut, Kind::kGone, Kind::kLied, Kind::kGaveUp}) {
    const auto read = parse_sighting(to_text(Sighting{kind, {12, 0}, "a b"}), 13);
    REQUIRE(read.has_value());
    CHECK((read->kind == kind && read->peers == Ranks{12, 0} && read->detail == "a b"));
    CHECK_FALSE(read->everybody);
  }
  const auto any = parse_sighting(to_text(Sighting{Kind::kGone, {}, "c", true}), 2);
  REQUIRE(any.has_value());
  CHECK((any->peers.empty() && any->everybody && any->detail == "c"));
  const auto both = parse_sighting(to_text(Sighting{Kind::kTimedOut, {1}, "", true}), 2);
  REQUIRE(both.has_value());
  CHECK((both->peers == Ranks{1} && both->everybody));
  for (const Presence presence : {Presence::kWaits, Presence::kHere, Presence::kIdle}) {
    CHECK(parse_presence(to_text(presence)) == presence);
  }
  CHECK_FALSE(parse_presence("wait").has_value());
}

TEST_CASE("what is too long for the board is cut, not lost") {
  const std::string words = "disk full " + std::string(5000, 'x');
  const auto sighting = parse_sighting(to_text(Sighting{Kind::kGaveUp, {1}, words}), 2);
  REQUIRE(sighting.has_value());
  CHECK((sighting->detail.size() > 4000 && words.starts_with(sighting->detail)));
}

TEST_CASE("what is no sighting is not read as one") {
  for (const char* text :
       {"",      "t",    "t ",     "x1 ",   "t-1 ",  "t1",    "t7 ",   "t99999999999 ",
        "1 ",    "t*",   "t*1 ",   "c ",    "c1 ",   "c*",    "c1,1 ", "c2,1 ",
        "c1,7 ", "c1,2", "c1,,2 ", "t1,1 ", "t1,7 ", "t1;2 ", "c1,2* "}) {
    CAPTURE(text);
    CHECK_FALSE(parse_sighting(text, 7).has_value());
  }
  CHECK_FALSE(parse_sighting("t1 " + std::string(5000, 'a'), 7).has_value());
  std::mt19937 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 12, '\0');
    for (char& c : text) c = "tglac 0123\n-*,"[random() % 14];
    if (const auto sighting = parse_sighting(text, 4)) {
      for (const int peer : sighting->peers) CHECK((peer >= 0 && peer < 4));
    }
  }
}

}  // namespace
}  // namespace byzccl::collective
