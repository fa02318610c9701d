// SPDX-License-Identifier: MIT
// Ranks that do not call alike, and calls that are refused: every rank learns who called what, and
// the communicator goes on.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;
using test::message_of;

constexpr DType kF32 = DType::kFloat32;

/// Every rank makes the call that `call` gives it; each must get a MismatchError that says `text`,
/// keep its vector, and be able to go on.
void expect_mismatch(int n, const std::string& text,
                     const std::function<Pending(Communicator&, Bytes&)>& call,
                     const std::function<CommunicatorOptions(int)>& options_of = {}) {
  CAPTURE(text);
  auto ends = local_transports(n);
  std::vector<std::string> messages(static_cast<std::size_t>(n));
  test::run(n, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    CommunicatorOptions options;
    if (options_of) options = options_of(rank);
    Communicator communicator(std::move(ends[index]), options);
    const Bytes before = test::random_vector(rank, 1000, kF32);
    Bytes x = before;
    messages[index] = message_of<MismatchError>([&] { call(communicator, x).wait(); });
    expect(x == before, "a vector changed");
    if (options_of) return;
    Bytes y = test::constant_vector(rank, 9, kF32);
    communicator.all_reduce(y.data(), 9, kF32, Rule::parse("mean")).wait();
    expect(y == test::constant_vector((n - 1) / 2.0, 9, kF32), "the communicator is not usable");
  });
  for (const std::string& message : messages) CHECK(message == text);
}

TEST_CASE("ranks that do not call alike all learn who called what") {
  expect_mismatch(4, "ranks disagree on rule: krum(f=0) from ranks 0, 1, 3; median from rank 2",
                  [](Communicator& c, Bytes& x) {
                    const Rule rule = Rule::parse(c.rank() == 2 ? "median" : "krum(f=0)");
                    return c.all_reduce(x.data(), 1000, kF32, rule);
                  });
  expect_mismatch(3, "ranks disagree on dtype: float32 from ranks 0, 2; bfloat16 from rank 1",
                  [](Communicator& c, Bytes& x) {
                    return c.all_reduce(x.data(), 1000, c.rank() == 1 ? DType::kBFloat16 : kF32,
                                        Rule::parse("mean"));
                  });
  expect_mismatch(3, "ranks disagree on count: 100 from rank 0; 101 from rank 1; 102 from rank 2",
                  [](Communicator& c, Bytes& x) {
                    return c.all_reduce(x.data(), 100 + c.rank(), kF32, Rule::parse("median"));
                  });
  expect_mismatch(3,
                  "ranks disagree on collective: all_reduce from rank 0; reduce(root=1) from rank "
                  "1; reduce(root=0) from rank 2",
                  [](Communicator& c, Bytes& x) {
                    const Rule rule = Rule::parse("mean");
                    if (c.rank() == 0) return c.all_reduce(x.data(), 999, kF32, rule);
                    return c.reduce(x.data(), 999, kF32, rule, c.rank() == 1 ? 1 : 0);
                  });
  expect_mismatch(3,
                  "ranks disagree on call: add 2 from ranks 0, 2; finish after 2 adds from rank 1",
                  [](Communicator& c, Bytes& x) {
                    Exchange exchange = c.begin(Rule::parse("krum(f=0)"));
                    for (int i = 0; i < (c.rank() == 1 ? 2 : 3); ++i) {
                      exchange.add(x.data() + 400 * i, 100, kF32);
                    }
                    return exchange.finish();
                  });
  expect_mismatch(
      2, "ranks disagree on algorithm: sharded from rank 0; ring from rank 1",
      [](Communicator& c, Bytes& x) {
        return c.all_reduce(x.data(), 1000, kF32, Rule::parse("mean"));
      },
      [](int rank) { return CommunicatorOptions{.algorithm = static_cast<Algorithm>(rank)}; });
  expect_mismatch(
      2, "ranks disagree on chunk_bytes: 64 from rank 0; 65 from rank 1",
      [](Communicator& c, Bytes& x) {
        return c.all_reduce(x.data(), 1000, kF32, Rule::parse("mean"));
      },
      [](int rank) {
        return CommunicatorOptions{.chunk_bytes = 64u + static_cast<unsigned>(rank)};
      });
}

TEST_CASE("in a ring, where the finish has headers of its own, they may disagree as well") {
  expect_mismatch(
      3, "ranks disagree on call: finish after 1 adds from ranks 0, 2; add 1 from rank 1",
      [](Communicator& c, Bytes& x) {
        const Rule rule = Rule::parse("krum(f=0)");
        if (c.rank() != 1) return c.all_reduce(x.data(), 100, kF32, rule);
        Exchange exchange = c.begin(rule);
        exchange.add(x.data(), 100, kF32);
        exchange.add(x.data() + 400, 100, kF32);
        return exchange.finish();
      },
      [](int) { return CommunicatorOptions{.algorithm = Algorithm::kRing}; });
}

TEST_CASE("adds of a rule by columns that were agreed on hold their result after a mismatch") {
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(3, {.algorithm = algorithm}, [](Communicator& communicator) {
      Bytes agreed = test::constant_vector(communicator.rank(), 100, kF32);
      Bytes apart = agreed;
      const Bytes before = apart;
      Exchange exchange = communicator.begin(Rule::parse("median"));
      exchange.add(agreed.data(), 100, kF32);
      exchange.add(apart.data(), communicator.rank() == 1 ? 99 : 100, kF32);
      const std::string message = message_of<MismatchError>([&] { exchange.finish().wait(); });
      expect(message == "ranks disagree on count: 100 from ranks 0, 2; 99 from rank 1", message);
      expect(agreed == test::constant_vector(1, 100, kF32), "the add before was not done");
      expect(apart == before, "a vector changed");
    });
  }
}

TEST_CASE("a rank that restarted its count is told so, and the counts meet again") {
  auto ends = local_transports(2);
  std::vector<std::string> messages(2);
  test::run(2, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    auto communicator = std::make_unique<Communicator>(ends[index]);
    const auto mean = [&] {
      Bytes x = test::constant_vector(1, 5, kF32);
      Pending pending = communicator->all_reduce(x.data(), 5, kF32, Rule::parse("mean"));
      return pending.report().step;
    };
    mean();
    mean();
    if (rank == 1) communicator = std::make_unique<Communicator>(ends[index]);
    messages[index] = message_of<MismatchError>(mean);
    expect(mean() == 3, "the steps did not meet");
  });
  for (const std::string& message : messages) {
    CHECK(message == "ranks disagree on step: 2 from rank 0; 0 from rank 1");
  }
}

TEST_CASE("a bound that fails is every rank's own mistake") {
  for (const int n : {1, 4}) {
    test::run(n, {}, [&](Communicator& communicator) {
      Bytes x = test::constant_vector(1, 8, kF32);
      const std::string message = message_of<InvalidArgument>(
          [&] { communicator.all_reduce(x.data(), 8, kF32, Rule::parse("krum(f=1)")).wait(); });
      expect(message == concat("krum needs n >= 2 f + 3, got n = ", n, ", f = 1"), message);
      communicator.all_reduce(x.data(), 8, kF32, Rule::parse("mean")).wait();
    });
  }
}

/// Rank 1 makes a call that is refused at once; the others learn why.
void expect_refusal(const std::string& reason, const std::string& told,
                    const std::function<Pending(Communicator&, Bytes&, bool mistaken)>& call) {
  CAPTURE(reason);
  std::vector<std::string> messages(3);
  test::run(3, {}, [&](Communicator& communicator) {
    Bytes x = test::random_vector(communicator.rank(), 1200, kF32);
    std::string& message = messages[static_cast<std::size_t>(communicator.rank())];
    if (communicator.rank() == 1) {
      message = message_of<InvalidArgument>([&] { call(communicator, x, true); });
    } else {
      message = message_of<MismatchError>([&] { call(communicator, x, false).wait(); });
    }
    communicator.all_reduce(x.data(), 3, kF32, Rule::parse("mean")).wait();
  });
  CHECK(messages[1] == reason);
  CHECK(messages[0] == told);
  CHECK(messages[2] == told);
}

TEST_CASE("a mistake of one rank is told to all at once") {
  const Rule mean = Rule::parse("mean");
  expect_refusal("x is null, but d = 1200", "rank 1 refused: x is null, but d = 1200",
                 [&](Communicator& c, Bytes& x, bool mistaken) {
                   return c.all_reduce(mistaken ? nullptr : x.data(), 1200, kF32, mean);
                 });
  expect_refusal("d must not be negative, got -1",
                 "ranks disagree on count: 1200 from ranks 0, 2; -1 from rank 1\n"
                 "rank 1 refused: d must not be negative, got -1",
                 [&](Communicator& c, Bytes& x, bool mistaken) {
                   return c.all_reduce(x.data(), mistaken ? -1 : 1200, kF32, mean);
                 });
  expect_refusal("x is null, but d = 600", "rank 1 refused: x is null, but d = 600",
                 [&](Communicator& c, Bytes& x, bool mistaken) {
                   return c.all_reduce(mistaken ? nullptr : x.data(), 600, DType::kFloat64, mean);
                 });
  expect_refusal("unknown dtype", "rank 1 refused: unknown dtype",
                 [&](Communicator& c, Bytes& x, bool mistaken) {
                   return c.all_reduce(x.data(), 5, mistaken ? static_cast<DType>(9) : kF32, mean);
                 });
  expect_refusal("root must be in [0, 3), got 3",
                 "ranks disagree on collective: reduce(root=0) from ranks 0, 2; reduce(root=3) "
                 "from rank 1\nrank 1 refused: root must be in [0, 3), got 3",
                 [&](Communicator& c, Bytes& x, bool mistaken) {
                   return c.reduce(x.data(), 5, kF32, mean, mistaken ? 3 : 0);
                 });
  expect_refusal("out overlaps x, but is not this rank's columns of it",
                 "rank 1 refused: out overlaps x, but is not this rank's columns of it",
                 [&](Communicator& c, Bytes& x, bool mistaken) {
                   std::byte* const own = x.data() + 1600 * c.rank();
                   return c.reduce_scatter(x.data(), mistaken ? own + 4 : own, 1200, kF32, mean);
                 });
  expect_refusal("the exchange was dropped before finish()",
                 "ranks disagree on call: add 0 from ranks 0, 2; finish after 0 adds from rank 1\n"
                 "rank 1 refused: the exchange was dropped before finish()",
                 [&](Communicator& c, Bytes& x, bool mistaken) -> Pending {
                   Exchange exchange = c.begin(mean);
                   if (mistaken) throw InvalidArgument("the exchange was dropped before finish()");
                   exchange.add(x.data(), 5, kF32);
                   return exchange.finish();
                 });
}

}  // namespace
}  // namespace byzccl
