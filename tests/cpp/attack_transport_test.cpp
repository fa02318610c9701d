// SPDX-License-Identifier: MIT
// Ranks that lie in the messages: what exactly ends up where. None of it is detected.

#include <byzccl/byzccl.hpp>
#include <byzccl/rules/grid.hpp>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/liars.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::liars::deceived;
using test::liars::first_column;
using test::liars::honest;
using test::liars::kRanks;
using test::liars::Results;
using test::liars::scale;
using test::liars::Setting;

// One with distances, one with columns, one without both, and steps of each kind.
const std::vector<std::string> kRules{
    "krum(f=1)", "median",           "mean",
    "mda(f=1)",  "clip(tau=9)+mean", "bucketing(s=2)+clip(tau=40)+nnm(f=0)+geometric_median"};

void unaltered(Bytes&, int, std::int64_t) {}

std::vector<Setting> settings(Algorithm algorithm, const std::string& attack) {
  std::vector<Setting> all;
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    all.push_back({algorithm, attack, 2, dtype});
  }
  all.push_back({algorithm, attack, 4, DType::kFloat32, {5000}, 512});
  all.push_back({algorithm, attack, 0, DType::kFloat32, {7}});
  all.push_back({algorithm, attack, 1, DType::kFloat32, {0, 6000}, 100});
  return all;
}

// Calls check(setting, rule, results) for each rule in each setting.
template <class Check>
void for_all(Algorithm algorithm, const std::string& attack, Check&& check) {
  for (const Setting& s : settings(algorithm, attack)) {
    for (const std::string& rule : kRules) {
      CAPTURE(s.attack, rule, s.liar, to_text(s.dtype), s.adds, s.chunk_bytes);
      check(s, rule, deceived(s, rule));
    }
  }
}

}  // namespace

// Each column has one owner, so there is nobody who could see two versions: the rank is one whose
// vector is another, the same for all.
TEST_CASE("sharded: equivocation is one more bad vector, and replicas stay identical") {
  for_all(Algorithm::kSharded, "equivocate(scale=3)",
          [](const Setting& s, const std::string& rule, const Results& results) {
            const Results want = honest(s, rule, [&](Bytes& x, int rank, std::int64_t d) {
              if (rank != s.liar) return;
              for (const int offset : {1, 3}) {
                const int owner = (rank + offset) % kRanks;
                scale(x, first_column(d, owner), first_column(d, owner + 1), s.dtype, -3);
              }
            });
            CHECK(results == want);
          });
}

// A ring has one neighbour to lie to, and what he is told travels on: all others see one version,
// the liar another.
TEST_CASE("ring: all but the equivocating rank itself see one vector") {
  for_all(Algorithm::kRing, "equivocate(scale=3)",
          [](const Setting& s, const std::string& rule, const Results& results) {
            const Results own = honest(s, rule, unaltered);
            const Results others = honest(s, rule, [&](Bytes& x, int rank, std::int64_t d) {
              if (rank == s.liar) scale(x, 0, d, s.dtype, -3);
            });
            for (int rank = 0; rank < kRanks; ++rank) {
              const auto r = static_cast<std::size_t>(rank);
              CHECK(results[r] == (rank == s.liar ? own[r] : others[r]));
            }
            // So the replicas part where the vector counts.
            if (rule == "mean") CHECK(own != others);
          });
}

TEST_CASE("sharded: a tampering owner changes its shard on all other ranks") {
  for_all(Algorithm::kSharded, "tamper(scale=2)",
          [](const Setting& s, const std::string& rule, const Results& results) {
            const Results right = honest(s, rule, unaltered);
            for (int rank = 0; rank < kRanks; ++rank) {
              const auto r = static_cast<std::size_t>(rank);
              std::vector<Bytes> want = right[r];
              for (std::size_t a = 0; a < s.adds.size() && rank != s.liar; ++a) {
                const std::int64_t d = s.adds[a];
                scale(want[a], first_column(d, s.liar), first_column(d, s.liar + 1), s.dtype, -2);
              }
              CHECK(results[r] == want);
            }
          });
}

// Rank k gets the vector of rank o through the liar if the liar lies between them on the way to the
// right. The liar and its left neighbour get nothing through it.
TEST_CASE("ring: what a relay tampers with differs from rank to rank") {
  for_all(Algorithm::kRing, "tamper(scale=2)",
          [](const Setting& s, const std::string& rule, const Results& results) {
            const auto steps = [](int from, int to) { return (to - from + kRanks) % kRanks; };
            for (int rank = 0; rank < kRanks; ++rank) {
              const Results seen = honest(s, rule, [&](Bytes& x, int origin, std::int64_t d) {
                const bool through = origin != s.liar && rank != s.liar &&
                                     steps(origin, s.liar) < steps(origin, rank);
                if (through) scale(x, 0, d, s.dtype, -2);
              });
              const auto r = static_cast<std::size_t>(rank);
              CHECK(results[r] == seen[r]);
            }
            const std::size_t left = static_cast<std::size_t>((s.liar + kRanks - 1) % kRanks);
            CHECK(results[left] == results[static_cast<std::size_t>(s.liar)]);
            const std::size_t right = static_cast<std::size_t>((s.liar + 1) % kRanks);
            if (rule == "mean") CHECK(results[right] != results[left]);
          });
}

TEST_CASE("A tampering owner reaches every rank that wants its columns") {
  for (const std::string rule : {"krum(f=1)", "median"}) {
    for (const bool lies : {false, true}) {
      CAPTURE(rule, lies);
      constexpr std::int64_t kColumns = 10240;
      auto ends = local_transports(kRanks);
      if (lies) ends[1] = deceiving_transport(ends[1], Attack::parse("tamper"));
      std::vector<Bytes> parts(kRanks, Bytes(kColumns / kRanks * 4));
      std::vector<Bytes> x;
      for (int rank = 0; rank < kRanks; ++rank) {
        x.push_back(test::random_vector(rank, kColumns, DType::kFloat32));
      }
      std::vector<Bytes> reduced = x;
      test::run(kRanks, [&](int rank) {
        const auto r = static_cast<std::size_t>(rank);
        Communicator communicator(ends[r], {});
        communicator
            .reduce_scatter(x[r].data(), parts[r].data(), kColumns, DType::kFloat32,
                            Rule::parse(rule))
            .wait();
        communicator.reduce(reduced[r].data(), kColumns, DType::kFloat32, Rule::parse(rule), 3)
            .wait();
      });
      Bytes want = test::expected_of(x, kColumns, DType::kFloat32, Rule::parse(rule)).out;
      Bytes all;
      for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
      // Two tiles a shard: each rank wants just what it owns, so nothing passes through the liar.
      CHECK(all == want);
      if (lies) {
        scale(want, first_column(kColumns, 1), first_column(kColumns, 2), DType::kFloat32, -1);
      }
      CHECK(reduced[3] == want);
      CHECK(reduced[1] == x[1]);
    }
  }
}

TEST_CASE("A liar keeps to the protocol after calls that did not go on") {
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    auto ends = local_transports(3);
    ends[0] = deceiving_transport(ends[0], Attack::parse("tamper(scale=-1)"));  // as it was
    std::vector<Bytes> x;
    for (int rank = 0; rank < 3; ++rank) {
      x.push_back(test::random_vector(rank, 100, DType::kFloat32));
    }
    const Bytes want =
        test::expected_of(x, 100, DType::kFloat32, Rule::parse("median"), {.step = 1}).out;
    test::run(3, [&](int rank) {
      Communicator communicator(ends[static_cast<std::size_t>(rank)], {.algorithm = algorithm});
      Bytes& mine = x[static_cast<std::size_t>(rank)];
      const Rule rule = Rule::parse(rank == 1 ? "mean" : "median");
      const std::string message = test::message_of<MismatchError>(
          [&] { communicator.all_reduce(mine.data(), 100, DType::kFloat32, rule).wait(); });
      test::expect(message.starts_with("ranks disagree on rule"), message);
      communicator.all_reduce(mine.data(), 100, DType::kFloat32, Rule::parse("median")).wait();
      test::expect(mine == want, "another result");
    });
  }
}

TEST_CASE("A tampering owner alters each add in its own dtype") {
  constexpr std::int64_t kColumns = 3072;
  for (const bool wide_first : {false, true}) {
    const DType first = wide_first ? DType::kFloat64 : DType::kFloat32;
    const DType second = wide_first ? DType::kFloat32 : DType::kFloat64;
    auto ends = local_transports(3);
    ends[0] = deceiving_transport(ends[0], Attack::parse("tamper"));
    std::vector<Bytes> a(3), b(3);
    test::run(3, [&](int rank) {
      const auto r = static_cast<std::size_t>(rank);
      a[r] = test::constant_vector(1, kColumns, first);
      b[r] = test::constant_vector(1, kColumns, second);
      Communicator communicator(ends[r], {});
      Exchange exchange = communicator.begin(Rule::parse("krum(f=0)"));
      exchange.add(a[r].data(), kColumns, first);
      exchange.add(b[r].data(), kColumns, second);
      exchange.finish().wait();
    });
    for (const DType dtype : {first, second}) {
      Bytes want = test::constant_vector(1, kColumns, dtype);
      scale(want, 0, rules::grid(kColumns, 3).columns(0), dtype, -1);
      const std::vector<Bytes>& got = dtype == first ? a : b;
      CAPTURE(wide_first, to_text(dtype));
      CHECK(got[1] == want);
      CHECK(got[2] == want);
    }
  }
}

TEST_CASE("Only an attack on messages makes a deceiving transport") {
  CHECK(test::message_of<InvalidArgument>([] {
          deceiving_transport(local_transports(1)[0], Attack::parse("alie(z=1)"));
        }).find("alie does not act on messages") == 0);
  CHECK_THROWS_AS(deceiving_transport(nullptr, Attack::parse("tamper")), InvalidArgument);
}

}  // namespace byzccl
