// SPDX-License-Identifier: MIT
// Ranks that tell some ranks other headers than others, or lie about what they were told. Whatever
// they do: no honest rank is named alone, some liar is named, honest results are equal, and nobody
// waits longer than a timeout.

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "csrc/collective/header.hpp"
#include "support/catch.hpp"
#include "support/equivocator.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using collective::Header;
using test::Bytes;
using test::Script;

constexpr int kRanks = 5;
constexpr std::chrono::milliseconds kTimeout{800};
const std::string kOther = "median";

struct Fate {
  enum class Kind { kDone, kMismatch, kLost } kind = Kind::kDone;
  std::string message;
  std::vector<int> suspects;
  Bytes x;
  std::chrono::milliseconds took{0};
};

struct Trial {
  std::vector<Script> liars;  ///< the last ranks
  Algorithm algorithm = Algorithm::kSharded;
};

/// What becomes of the honest ranks, 0 first.
std::vector<Fate> try_out(const Trial& trial) {
  const int honest = kRanks - static_cast<int>(trial.liars.size());
  auto ends = local_transports(kRanks);
  std::vector<Fate> fates(static_cast<std::size_t>(honest));
  test::run(kRanks, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    if (rank >= honest) {
      return test::follow(trial.liars[static_cast<std::size_t>(rank - honest)], *ends[index]);
    }
    Fate& fate = fates[index];
    const auto start = Clock::now();
    {
      Communicator communicator(ends[index], {.algorithm = trial.algorithm, .timeout = kTimeout});
      fate.x = test::constant_vector(rank, test::kScriptColumns, DType::kFloat32);
      try {
        communicator
            .all_reduce(fate.x.data(), test::kScriptColumns, DType::kFloat32, Rule::parse("mean"))
            .wait();
      } catch (const MismatchError& error) {
        fate = {Fate::Kind::kMismatch, error.what(), {}, fate.x};
      } catch (const TransportError& error) {
        fate = {Fate::Kind::kLost, error.what(), error.suspects(), fate.x};
      }
    }
    fate.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
  });
  return fates;
}

void check_property(const std::vector<Fate>& fates) {
  const int honest = static_cast<int>(fates.size());
  for (const Fate& fate : fates) {
    CAPTURE(fate.message, fate.suspects);
    CHECK(fate.took < 3 * kTimeout);
    const auto mismatches = std::count_if(fates.begin(), fates.end(), [](const Fate& other) {
      return other.kind == Fate::Kind::kMismatch;
    });
    CHECK((mismatches == 0 || mismatches == honest));
    if (fate.kind == Fate::Kind::kMismatch) CHECK(fate.message == fates[0].message);
    if (fate.kind == Fate::Kind::kLost) {
      CHECK(std::any_of(fate.suspects.begin(), fate.suspects.end(),
                        [&](int suspect) { return suspect >= honest; }));
    }
    for (const Fate& other : fates) {
      if (fate.kind == other.kind && fate.kind == Fate::Kind::kDone) CHECK(fate.x == other.x);
      if (fate.kind == other.kind && fate.kind == Fate::Kind::kLost) {
        CHECK(fate.message == other.message);
      }
    }
  }
}

void say_other(Header& header) { collective::write_text(header.rule, kOther); }

TEST_CASE("a rank that tells some another header than others is among the named") {
  const auto algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  struct Lie {
    const char* words;
    std::function<void(Header&)> tell;
  };
  const std::vector<Lie> lies = {
      {"rule ", say_other},
      {"refusal ",
       [](Header& h) {
         h.refused = 1;
         collective::write_text(h.reason, "no");
       }},
      {"finish ", [](Header& h) { h.last ^= 1; }},
      {"step ", [](Header& h) { h.step = 7; }},
      {"count ", [](Header& h) { h.count = 9; }},
      {"protocol version ", [](Header& h) { h.version = 9; }},
      {"device kind ", [](Header& h) { collective::write_text(h.kind, "abacus"); }},
      {"previous output ", [](Header& h) { h.previous = 5; }},
      {"root ", [](Header& h) { h.root = 3; }},
      {"reason ", [](Header& h) { collective::write_text(h.reason, "why"); }},
      {"headers that differ where nothing is read", [](Header& h) { h.rule[100] = 'x'; }},
  };
  for (const Lie& lie : lies) {
    for (const int told : {1, 2}) {
      const Script script{.header = [&](int to, Header& h) {
        if (to < told) lie.tell(h);
      }};
      const auto fates = try_out({{script}, algorithm});
      CAPTURE(to_text(algorithm), lie.words, told, fates[0].message, fates[1].message);
      check_property(fates);
      for (const Fate& fate : fates) {
        CHECK(fate.kind == Fate::Kind::kLost);
        CHECK(fate.message.find("rank 4 told others something else") == 0);
        CHECK(fate.message.find(lie.words) != std::string::npos);
        CHECK(fate.suspects.size() >= 2);
      }
      if (told == 1) CHECK(fates[0].suspects == std::vector<int>{0, 4});
    }
  }
}

TEST_CASE("two accounts are both shown") {
  const Script script{.header = [](int to, Header& h) {
    if (to == 0) say_other(h);
  }};
  const auto fates = try_out({{script}});
  CHECK((fates[1].message ==
             "rank 4 told others something else, or ranks 0, 4 do not all say what it told them: "
             "rule median to rank 0; mean to ranks 1, 2, 3 (step 0, all_reduce mean)" ||
         fates[1].message ==
             "rank 4 told others something else, or ranks 0, 4 do not all say what it told them: "
             "rule mean to ranks 1, 2, 3; median to rank 0 (step 0, all_reduce mean)"));
}

TEST_CASE("the same lie to all is a mismatch that all raise, whatever it claims") {
  struct Lie {
    std::function<void(Header&)> tell;
    const char* words;
  };
  const Lie lies[] = {
      {say_other, "ranks disagree on rule: mean from ranks 0, 1, 2, 3; median from rank 4"},
      {[](Header& h) {
         h.count = INT64_MAX;
         h.root = -7;
         h.size = INT32_MIN;
       },
       "ranks disagree on count: 8 from ranks 0, 1, 2, 3; 9223372036854775807 from rank 4\n"
       "ranks disagree on world size: 5 from ranks 0, 1, 2, 3; -2147483648 from rank 4"},
      {[](Header& h) {
         std::memset(static_cast<void*>(&h), 0xff, sizeof h);
         h.magic = collective::kMagic;
         h.version = collective::kVersion + 1;
       },
       "ranks disagree on protocol version: 3 from ranks 0, 1, 2, 3; 4 from rank 4"}};
  for (const Lie& lie : lies) {
    const Script script{.header = [&](int, Header& h) { lie.tell(h); }};
    for (const Fate& fate : try_out({{script}})) {
      CHECK(fate.kind == Fate::Kind::kMismatch);
      CHECK(fate.message == lie.words);
    }
  }
}

TEST_CASE("an honest rank that is accused is not named alone") {
  for (const int victims : {1, 2, 4}) {
    const Script script{.account = [&](int to, std::vector<Header>& account) {
      if (to < victims) say_other(account[1]);
    }};
    const auto fates = try_out({{script}});
    CAPTURE(victims, fates[0].message, fates[1].message);
    check_property(fates);
    CHECK(fates[0].kind == Fate::Kind::kLost);
  }
}

TEST_CASE("echoes and accounts that are missing, wrong or noise name who sent them") {
  const std::vector<Script> scripts = {
      {.echo = [](int, Bytes& echo) { echo.clear(); }},
      {.echo = [](int to, Bytes& echo) { echo.resize(to == 0 ? 0 : kRanks); }},
      {.echo = [](int, Bytes& echo) { echo.resize(kRanks + 1); }},
      {.echo = [](int, Bytes& echo) { echo[2] = std::byte{7}; }},
      {.echo = [](int, Bytes& echo) { echo[2] = std::byte{1}; }, .sends_account = false},
      {.account = [](int, std::vector<Header>& account) { say_other(account[4]); }},
      {.account = [](int, std::vector<Header>& account) { account[1].magic ^= 1; }},
      {.account = [](int, std::vector<Header>& account) { account[2].rule[0] = '\n'; }},
      {.account = [](int, std::vector<Header>& account) { account[2].rank = 3; }},
  };
  for (std::size_t i = 0; i < scripts.size(); ++i) {
    const auto fates = try_out({{scripts[i]}});
    CAPTURE(i, fates[0].message, fates[1].message);
    check_property(fates);
    CHECK(fates[0].kind == Fate::Kind::kLost);
    CHECK(fates[0].suspects == std::vector<int>{4});
  }
}

TEST_CASE("a rank whose header is altered on its way out does not get an honest rank blamed") {
  // Its own code knows nothing of it, and echoes what it thinks that it sent.
  for (const int told : {1, 4}) {
    const Script script{
        .header =
            [&](int to, Header& h) {
              if (to < told) say_other(h);
            },
        .echo = [](int, Bytes& echo) { std::fill(echo.begin(), echo.end(), std::byte{0}); }};
    const auto fates = try_out({{script}});
    CAPTURE(told, fates[0].message, fates[1].message);
    check_property(fates);
    CHECK(fates[0].kind == Fate::Kind::kLost);
    CHECK(fates[0].suspects.size() >= 2);
  }
}

TEST_CASE("two liars together") {
  const Script accuses{.account = [](int, std::vector<Header>& account) { say_other(account[1]); }};
  const Script equivocates{.header = [](int to, Header& h) {
    if (to == 0) say_other(h);
  }};
  const Script covers{.account = [](int to, std::vector<Header>& account) {
    if (to == 0) say_other(account[3]);
  }};
  const Script accuses_to_one{.account = [](int to, std::vector<Header>& account) {
    if (to == 0) say_other(account[2]);
  }};
  for (const Script& other : {accuses, covers, accuses_to_one, equivocates}) {
    for (const Script& first : {accuses, equivocates}) {
      const auto fates = try_out({{first, other}});
      CAPTURE(fates[0].message, fates[1].message);
      check_property(fates);
      CHECK(fates[0].kind == Fate::Kind::kLost);
    }
  }
}

}  // namespace
}  // namespace byzccl
