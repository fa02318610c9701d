// SPDX-License-Identifier: MIT
// Exchanges in pieces: one selection over all adds, and the same bits however they travel.

#include <algorithm>
#include <array>
#include <cstring>
#include <latch>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;

constexpr DType kF32 = DType::kFloat32;

const std::array<std::int64_t, 5> kLengths = {3000, 0, 1, 20011, 7};

/// What one rank holds after an exchange, and its D.
struct Outcome {
  Bytes bits;
  std::vector<double> distances;
  bool operator==(const Outcome&) const = default;
};

Outcome exchange_in_pieces(Communicator& communicator, const Rule& rule) {
  std::vector<Bytes> pieces;
  for (std::size_t i = 0; i < kLengths.size(); ++i) {
    pieces.push_back(
        test::random_vector(communicator.rank(), kLengths[i], kF32, static_cast<int>(i)));
  }
  Exchange exchange = communicator.begin(rule);
  for (std::size_t i = 0; i < kLengths.size(); ++i) {
    exchange.add(pieces[i].data(), kLengths[i], kF32);
  }
  Pending pending = exchange.finish();
  Outcome outcome{{}, pending.report().distances};
  for (const Bytes& piece : pieces) {
    outcome.bits.insert(outcome.bits.end(), piece.begin(), piece.end());
  }
  return outcome;
}

TEST_CASE("an exchange in pieces has the same bits whatever carries it") {
  const int n = 5;
  for (const char* text : {"krum(f=1)", "bulyan(f=0)", "median", "geometric_median", "mean"}) {
    CAPTURE(text);
    const Rule rule = Rule::parse(text);
    std::vector<Outcome> outcomes;
    for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
      for (const std::size_t chunk : {std::size_t{64}, std::size_t{4096}, std::size_t{4} << 20}) {
        for (const int threads_ : {1, 3}) {
          set_threads(threads_);
          std::vector<Outcome> ranks(n);
          test::run(n, {.algorithm = algorithm, .chunk_bytes = chunk}, [&](Communicator& c) {
            ranks[static_cast<std::size_t>(c.rank())] = exchange_in_pieces(c, rule);
            expect(ranks[static_cast<std::size_t>(c.rank())] == exchange_in_pieces(c, rule),
                   "the second time differs");
          });
          outcomes.insert(outcomes.end(), ranks.begin(), ranks.end());
        }
      }
    }
    set_threads(1);
    const auto differing = std::find_if(outcomes.begin(), outcomes.end(),
                                        [&](const Outcome& o) { return !(o == outcomes[0]); });
    CHECK(differing - outcomes.begin() == static_cast<std::ptrdiff_t>(outcomes.size()));
  }
}

TEST_CASE("distances are added up in the order of the calls") {
  // Beside 1e16 a 1 is lost, but not the 2 that two of them make first.
  struct Order {
    std::vector<double> scales;
    double total;
  };
  const std::vector<Order> orders = {{{1e8, 1, 1}, 1e16}, {{1, 1, 1e8}, 1e16 + 2}};
  for (const Order& order : orders) {
    REQUIRE((1e16 + 1) + 1 != 1e16 + 2);
    for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
      test::run(3, {.algorithm = algorithm}, [&](Communicator& communicator) {
        std::vector<double> x;
        for (const double scale : order.scales) x.push_back(communicator.rank() * scale);
        Exchange exchange = communicator.begin(Rule::parse("mda(f=1)"));
        for (double& one : x) exchange.add(&one, 1, DType::kFloat64);
        const Report report = exchange.finish().report();
        expect(report.distances[1] == order.total,
               concat(to_text(algorithm), ": D[0, 1] - 1e16 is ", report.distances[1] - 1e16));
      });
    }
  }
}

TEST_CASE("the selection is made once, over all adds") {
  // Rank 0 is far in the first piece, rank 1 in the second: over both, only the others are near.
  const int n = 5;
  test::run(n, {}, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    Bytes a = test::constant_vector(rank == 0 ? 100 : 1 + rank * 0.01, 10, kF32);
    Bytes b = test::constant_vector(rank == 1 ? 100 : 1 + rank * 0.01, 10, kF32);
    Exchange exchange = communicator.begin(Rule::parse("mda(f=2)"));
    exchange.add(a.data(), 10, kF32);
    exchange.add(b.data(), 10, kF32);
    const Report report = exchange.finish().report();
    expect(report.weights[0] == 0 && report.weights[1] == 0 && report.weights[2] > 0,
           "a rank that is far in one piece was selected");
    expect(a == b && report.d == 20, "the same ranks in both pieces");
  });
}

TEST_CASE("reductions complete in the order of the calls, without waiting in between") {
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(4, {.algorithm = algorithm}, [&](Communicator& communicator) {
      std::vector<Bytes> x;
      std::vector<Pending> pendings;
      for (int i = 0; i < 20; ++i) x.push_back(test::random_vector(communicator.rank(), 999, kF32));
      for (Bytes& one : x) {
        pendings.push_back(communicator.all_reduce(one.data(), 999, kF32, Rule::parse("median")));
      }
      pendings.back().wait();
      for (std::size_t i = 0; i < pendings.size(); ++i) {
        expect(pendings[i].done(), "an earlier reduction is not done");
        expect(x[i] == x[0], "reductions of equal vectors differ");
        expect(pendings[i].report().step == static_cast<std::int64_t>(i), "step");
      }
    });
  }
}

TEST_CASE("done and in_use answer at once, also while others have not called") {
  std::latch asked(1);
  test::run(2, {}, [&](Communicator& communicator) {
    std::vector<float> x(9, 1.0f);
    const Rule rule = Rule::parse("mean");
    if (communicator.rank() == 1) asked.wait();
    Pending pending = communicator.all_reduce(x.data(), 9, kF32, rule);
    if (communicator.rank() == 0) {
      const bool done = pending.done();
      const bool in_use = pending.in_use();
      asked.count_down();  // not before: an answer that waits for the other never comes
      expect(!done && in_use, "it was done before the other rank called");
    }
    pending.wait();
    expect(pending.done() && !pending.in_use(), "it is not done after the wait");
  });
}

/// Returns when an add of 3 * 1024 columns among 3 ranks has brought so many bytes before finish().
void expect_early(const char* rule, std::int64_t bytes) {
  test::run(3, {}, [&](Communicator& communicator) {
    Bytes x = test::random_vector(communicator.rank(), 3 * 1024, kF32);
    Exchange exchange = communicator.begin(Rule::parse(rule));
    exchange.add(x.data(), 3 * 1024, kF32);
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    while (communicator.bytes_received() < bytes) {
      expect(Clock::now() < deadline, "too little arrived before finish()");
    }
    exchange.finish().wait();
  });
}

TEST_CASE("an add travels before finish is called, and so does the result of a rule by columns") {
  expect_early("krum(f=0)", 2 * (512 + 3 + 4096));
  expect_early("median", 2 * (512 + 3 + 4096 + 4096));
}

TEST_CASE("a report says when each phase was at work, and for which add") {
  test::run(3, {}, [&](Communicator& communicator) {
    Bytes x = test::random_vector(communicator.rank(), 3 * 1024, kF32);
    const auto now = [] {
      return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
    };
    const double start = now();
    Exchange exchange = communicator.begin(Rule::parse("krum(f=0)"));
    exchange.add(x.data(), 1024, kF32);
    exchange.add(x.data() + 4096, 2048, kF32);
    const Report report = exchange.finish().report();
    for (const Phase& phase : report.phases) {
      double seconds = 0;
      std::string adds;
      for (const Span& span : report.spans) {
        if (span.phase != phase.name) continue;
        seconds += span.end - span.begin;
        adds += concat(span.add, " ");
        expect(start <= span.begin && span.begin <= span.end && span.end <= now(), "order of time");
      }
      expect(seconds == phase.seconds, "spans and phases differ");
      expect(phase.name != "headers" || adds == "0 1 -1 ", adds);
      expect(phase.name != "exchange" || adds == "0 1 ", adds);
      expect(phase.name != "select" || adds == "-1 ", adds);
      expect(phase.name != "gather" || adds == "-1 0 1 ", adds);
    }
  });
}

/// float32 [count] of a rank after an exchange of one column an add, and its D.
Outcome exchange_by_columns(Communicator& communicator, int count) {
  Outcome outcome{test::random_vector(communicator.rank(), count, kF32), {}};
  Exchange exchange = communicator.begin(Rule::parse("guarded_mean(f=0)"));
  for (int i = 0; i < count; ++i) exchange.add(outcome.bits.data() + 4 * i, 1, kF32);
  outcome.distances = exchange.finish().report().distances;
  return outcome;
}

TEST_CASE("thousands of adds of one column end, and are summed in their order") {
  const int count = 3000;
  Bytes rows[2];
  for (int rank : {0, 1}) rows[rank] = test::random_vector(rank, count, kF32);
  double distance = 0;
  Bytes mean(rows[0].size());
  for (std::size_t at = 0; at < mean.size(); at += 4) {
    float a;
    float b;
    std::memcpy(&a, &rows[0][at], 4);
    std::memcpy(&b, &rows[1][at], 4);
    const float square = (a - b) * (a - b);
    distance += square;
    a = (a + b) / 2;
    std::memcpy(&mean[at], &a, 4);
  }
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(2, {.algorithm = algorithm}, [&](Communicator& communicator) {
      expect(exchange_by_columns(communicator, count) == Outcome{mean, {0, distance, distance, 0}},
             "the adds were not summed in their order");
    });
  }
}

TEST_CASE("no adds, and no columns, are an exchange too") {
  test::run(3, {}, [&](Communicator& communicator) {
    for (const char* text : {"krum(f=0)", "median", "mean"}) {
      const Report report = communicator.begin(Rule::parse(text)).finish().report();
      expect(report.d == 0 && !report.failed, text);
    }
    communicator.all_reduce(nullptr, 0, kF32, Rule::parse("median")).wait();
  });
}

TEST_CASE("an exchange ends with finish, and one is open at a time") {
  auto ends = local_transports(1);
  Communicator communicator(ends[0]);
  std::vector<float> x(4, 1.0f);
  Exchange exchange = communicator.begin(Rule::parse("mean"));
  CHECK_THROWS_AS(communicator.begin(Rule::parse("mean")), InvalidArgument);
  CHECK_THROWS_AS(communicator.all_reduce(x.data(), 4, kF32, Rule::parse("mean")), InvalidArgument);
  exchange.add(x.data(), 4, kF32);
  Pending pending = exchange.finish();
  pending.wait();
  pending.wait();
  CHECK_THROWS_AS(exchange.add(x.data(), 4, kF32), InvalidArgument);
  CHECK_THROWS_AS(exchange.finish(), InvalidArgument);
  communicator.all_reduce(x.data(), 4, kF32, Rule::parse("mean")).wait();
  CHECK(x == std::vector<float>(4, 1.0f));
}

TEST_CASE("options out of range are refused, and algorithms have names") {
  const auto make = [](CommunicatorOptions options) {
    const Communicator communicator(local_transports(1)[0], options);
  };
  CHECK_THROWS_AS(make({.timeout = std::chrono::milliseconds(0)}), InvalidArgument);
  CHECK_THROWS_AS(make({.timeout = std::chrono::milliseconds::max()}), InvalidArgument);
  CHECK_THROWS_AS(make({.chunk_bytes = 0}), InvalidArgument);
  CHECK_THROWS_AS(Communicator(nullptr), InvalidArgument);
  CHECK(parse_algorithm("ring") == Algorithm::kRing);
  CHECK(to_text(Algorithm::kSharded) == "sharded");
  CHECK_THROWS_AS(parse_algorithm("tree"), InvalidArgument);
}

}  // namespace
}  // namespace byzccl
