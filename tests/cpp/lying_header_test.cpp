// SPDX-License-Identifier: MIT
// Headers that lie: nothing in them is believed, and only their sender is named.

#include <algorithm>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "csrc/collective/header.hpp"
#include "support/catch.hpp"
#include "support/trial.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::Fate;
using test::FaultPlan;
using test::kCulprit;
using test::kRanks;
using test::only_culprit;
using test::try_out;

TEST_CASE("a header of random bytes names its sender") {
  std::mt19937 random(7);
  for (int round = 0; round < 20; ++round) {
    Bytes noise(sizeof(collective::Header));
    for (std::byte& byte : noise) byte = static_cast<std::byte>(random() & 0xffu);
    // Every other round the noise begins after a good magic number and version.
    const std::size_t kept = round % 2 == 0 ? 0 : 8;
    const int victim = round % 3 == 0 ? 1 : -1;  // to one rank only, or to all
    const FaultPlan plan{.rewrite = [=](int peer, Channel channel, std::span<std::byte> message) {
      if (channel != Channel::kHeaders || (victim >= 0 && peer != victim)) return;
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
      {"with an unknown value", [](Header& h) { h.last = 2; }},
      {"with a step or an index out of range", [](Header& h) { h.step = -1; }},
      {"with a step or an index out of range", [](Header& h) { h.step = INT64_MAX; }},
      {"with a step or an index out of range", [](Header& h) { h.index = -1; }},
      {"with bytes where none belong", [](Header& h) { h.zero[5] = 1; }},
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
  collective::write_text(good.reason, "every character that prints, from ' ' to '~'");
  CHECK(collective::find_fault(good, 3).empty());
  for (const Lie& lie : lies) {
    Header header = good;
    lie.tell(header);
    CHECK(collective::find_fault(header, 3) == std::string("a header ") + lie.words);
  }
}

TEST_CASE("the last step there is, from one rank, makes no liar of an honest one") {
  // The liar answers each header with what it was sent, but for its rank and one lie.
  const std::vector<std::function<void(collective::Header&)>> lies = {
      [](collective::Header& h) { h.step = collective::kMaxStep; },
      [](collective::Header& h) { h.count = 77; }};
  auto ends = local_transports(3);
  std::vector<std::vector<std::string>> messages(3);
  test::run(3, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    if (rank != 2) {
      Communicator communicator(ends[index]);
      for (std::size_t i = 0; i < lies.size(); ++i) {
        Bytes x = test::random_vector(rank, 9, DType::kFloat32);
        messages[index].push_back(test::message_of<MismatchError>([&] {
          communicator.all_reduce(x.data(), 9, DType::kFloat32, Rule::parse("mda(f=1)")).wait();
        }));
      }
      return;
    }
    for (const auto& tell : lies) {
      const Deadline deadline = Clock::now() + std::chrono::seconds(30);
      collective::Header headers[2];
      for (int peer : {0, 1}) {
        ends[index]
            ->recv(peer, &headers[peer], sizeof headers[peer], Channel::kHeaders)
            ->wait(deadline);
      }
      collective::Header account[3] = {headers[0], headers[1], headers[0]};
      account[2].rank = 2;
      tell(account[2]);
      const std::uint8_t echo[3] = {1, 1, 0};
      for (int peer : {0, 1}) {
        Transport& end = *ends[index];
        end.send(peer, &account[2], sizeof account[2], Channel::kHeaders)->wait(deadline);
        end.send(peer, echo, sizeof echo, Channel::kEchoes)->wait(deadline);
        end.send(peer, account, sizeof account, Channel::kAccounts)->wait(deadline);
      }
    }
  });
  for (int rank : {0, 1}) {
    CHECK(messages[static_cast<std::size_t>(rank)] ==
          std::vector<std::string>{
              "ranks disagree on step: 0 from ranks 0, 1; 9007199254740992 from rank 2",
              "ranks disagree on count: 9 from ranks 0, 1; 77 from rank 2"});
  }
}

}  // namespace
}  // namespace byzccl
