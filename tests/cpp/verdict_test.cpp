// SPDX-License-Identifier: MIT
// What a verdict on the board can look like, and when a rank does not believe it.

#include "csrc/collective/verdict.hpp"

#include <string>
#include <vector>

#include "csrc/collective/board_text.hpp"
#include "support/catch.hpp"

namespace byzccl::collective {
namespace {

using Kind = Sighting::Kind;
using Ranks = std::vector<int>;

TEST_CASE("a verdict survives the board") {
  const auto verdict = parse_verdict(to_text(Verdict{{0, 5}, "x y"}), 6);
  REQUIRE(verdict.has_value());
  CHECK((verdict->suspects == Ranks{0, 5} && verdict->message == "x y"));
  REQUIRE(parse_verdict("\nnobody", 1).has_value());
  for (const char* text : {"", "1", "1 2", "7 \n", "-1 \n", "a \n", "1,2\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_verdict(text, 7).has_value());
  }
  CHECK_FALSE(parse_verdict("1 \n" + std::string(5000, 'a'), 7).has_value());
}

TEST_CASE("suspects come once each, ascending") {
  const auto verdict = parse_verdict("3 1 3 1 1 \nx", 4);
  REQUIRE(verdict.has_value());
  CHECK(verdict->suspects == Ranks{1, 3});
}

TEST_CASE("what is read prints, whatever stands there") {
  CHECK(printable("caf\u00e9 \u65e5\u672c \U0001f600") == "caf\u00e9 \u65e5\u672c \U0001f600");
  CHECK(printable("a\nb\tc\rd") == "a b c d");
  CHECK(printable(std::string("a\0b\x1b[2J\x7f", 8)) == "a?b?[2J?");
  CHECK(printable("\u0085\u009b\u2028\u202e\u2066\u200f\ufeff") == "???????");
  CHECK(printable("\xc3") == "?");
  CHECK(printable("\xc3(") == "?(");
  CHECK(printable("\xff\xfe\x80") == "???");
  CHECK(printable("\xc0\xaf\xe0\x80\xaf") == "?????");  // overlong
  CHECK(printable("\xed\xa0\x80") == "???");            // a surrogate
  CHECK(printable("\xed\xbf\xbf") == "???");            // the last one
  CHECK(printable("\xf4\x90\x80\x80") == "????");       // above U+10FFFF
  const auto verdict = parse_verdict("1 \n\x1b[31mrank 1\xe9\n", 2);
  REQUIRE(verdict.has_value());
  CHECK(verdict->message == "?[31mrank 1? ");
  const auto sighting = parse_sighting("a1 \xff\x07", 2);
  REQUIRE(sighting.has_value());
  CHECK(sighting->detail == "??");
}

TEST_CASE("the first and the last character of each length are characters") {
  for (const char* text : {"\x7e", "\u00a0", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff",
                           "\U00010000", "\U000fffff", "\U00100000", "\U0010ffff"}) {
    CAPTURE(text);
    CHECK(printable(text) == text);
  }
}

TEST_CASE("what is too long for the board is cut between characters, and not lost") {
  for (const int offset : {0, 1, 2, 3}) {
    std::string words(static_cast<std::size_t>(offset), 'x');
    for (int i = 0; i < 3000; ++i) words += "\u20ac";
    const std::string whole = printable(words);
    REQUIRE(whole == words);
    const auto sighting = parse_sighting(to_text(Sighting{Kind::kGaveUp, {1}, words}), 2);
    REQUIRE(sighting.has_value());
    CHECK((sighting->detail.size() > 4000 && words.starts_with(sighting->detail)));
    CHECK(sighting->detail.find('?') == std::string::npos);
    const auto verdict = parse_verdict(to_text(Verdict{{1}, words}), 2);
    REQUIRE(verdict.has_value());
    CHECK((verdict->message.size() > 4000 && words.starts_with(verdict->message)));
    CHECK(verdict->message.find('?') == std::string::npos);
  }
}

TEST_CASE("a rank believes a verdict that somebody's words are a reason for") {
  const Sightings sightings = {{0, {Kind::kGone, {3}}}, {1, {Kind::kTimedOut, {0, 3}}}};
  CHECK(agrees({{3}, ""}, {sightings, {}}, 0));
  CHECK(agrees({{3}, ""}, {sightings, {}}, 1));  // rank 0 has written, so it is a victim as well
  const Sightings lied = {{0, {Kind::kGone, {1}}}, {1, {Kind::kLied, {2}, "noise"}}};
  CHECK(agrees({{2}, ""}, {lied, {}}, 0));
  const Sightings left = {{0, {Kind::kGone, {1}}}, {1, {Kind::kGaveUp, {1}, "out of memory"}}};
  CHECK(agrees({{1}, ""}, {left, {}}, 0));
  const Sightings ring = {{4, {Kind::kGone, {3}, "", true}}, {5, {Kind::kGone, {4}}}};
  CHECK(agrees({{2, 3}, ""}, {ring, {}}, 5));
  const Sightings link = {{0, {Kind::kGone, {1}}}, {1, {Kind::kGone, {0}}}};
  CHECK(agrees({{}, ""}, {link, {}}, 0));
  const Sightings two = {{0, {Kind::kContradicted, {2, 5}, "a"}},
                         {1, {Kind::kContradicted, {2, 3, 4}, "b"}}};
  CHECK(agrees({{2, 5}, "a"}, {two, {}}, 1));  // it found another one, and both lead to a liar
}

TEST_CASE("a rank does not believe a verdict that contradicts what it saw") {
  const Sightings sightings = {{0, {Kind::kGone, {3}}}, {1, {Kind::kGone, {3}}}};
  CHECK_FALSE(agrees({{2}, ""}, {sightings, {}}, 0));     // nobody says so, and 3 is spared
  CHECK_FALSE(agrees({{2, 3}, ""}, {sightings, {}}, 0));  // nobody says so of 2
  CHECK_FALSE(agrees({{}, ""}, {sightings, {}}, 0));
  const Sightings lied = {
      {0, {Kind::kLied, {2}, "noise"}}, {1, {Kind::kGone, {0}}}, {2, {Kind::kGone, {1}}}};
  CHECK_FALSE(agrees({{1}, ""}, {lied, {}}, 0));
  const Sightings framed = {{0, {Kind::kGone, {2}}}, {2, {Kind::kTimedOut, {1}}}};
  CHECK(agrees({{1}, ""}, {framed, {}}, 0));
  CHECK_FALSE(agrees({{1}, ""}, {framed, {{1, Presence::kWaits}}}, 0));
}

TEST_CASE("a rank that is named itself believes it only where another rank has a reason") {
  Sightings sightings = {{0, {Kind::kTimedOut, {1}}}, {1, {Kind::kGone, {0}}}};
  CHECK(agrees({{1}, ""}, {sightings, {}}, 1));
  sightings[1] = {Kind::kTimedOut, {0}};
  CHECK_FALSE(agrees({{1}, ""}, {sightings, {}}, 1));
  sightings = {{0, {Kind::kGone, {2}}}, {1, {Kind::kGone, {0}}}};
  CHECK_FALSE(agrees({{1}, ""}, {sightings, {}}, 1));
  // It cannot know what became of its messages on their way, but it knows what it did itself.
  sightings = {{0, {Kind::kLied, {1}, "noise"}}, {1, {Kind::kGone, {0}}}};
  CHECK(agrees({{1}, ""}, {sightings, {}}, 1));
  sightings[1] = {Kind::kLied, {0}, "noise"};
  CHECK_FALSE(agrees({{1}, ""}, {sightings, {}}, 1));
  sightings[1] = {Kind::kGaveUp, {1}, "out of memory"};
  CHECK(agrees({{1}, ""}, {sightings, {}}, 1));
  sightings = {{0, {Kind::kContradicted, {1, 2}, "a and b"}}, {1, {Kind::kGone, {0}}}};
  CHECK(agrees({{1, 2}, ""}, {sightings, {}}, 1));
}

TEST_CASE("a contested verdict shows both, and names whom the rank would name, never itself") {
  const Verdict own =
      contested({{1}, "rank 1 broke the protocol"},
                {{0, 3}, "rank 3 closed the connection (step 2, all_reduce mean)"}, 0);
  CHECK(own.suspects == Ranks{3});
  CHECK(own.message ==
        "contested: the board says rank 1; this rank saw: rank 3 closed the connection (step 2, "
        "all_reduce mean); in the words of the board: rank 1 broke the protocol");
  CHECK(contested({{}, "x"}, own, 0).message.starts_with("contested: the board says nobody; "));
  CHECK(contested({{0, 2}, "x"}, own, 0)
            .message.starts_with("contested: the board says ranks 0, 2; "));
}

}  // namespace
}  // namespace byzccl::collective
