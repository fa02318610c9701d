// SPDX-License-Identifier: MIT
// centered_clipping and the previous output: in aggregate, and in both collectives.

#include <cmath>
#include <cstring>
#include <limits>
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
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Bytes aggregate_of(const std::vector<Bytes>& x, const std::string& rule, const Bytes* previous) {
  const std::int64_t d = static_cast<std::int64_t>(x[0].size() / 4);
  const Caller caller{.previous = previous == nullptr ? nullptr : previous->data()};
  return test::expected_of(x, d, kF32, Rule::parse(rule), caller).out;
}

std::vector<Bytes> vectors(int n, std::int64_t d) {
  std::vector<Bytes> x;
  for (int rank = 0; rank < n; ++rank) x.push_back(test::random_vector(rank, d, kF32));
  return x;
}

Bytes floats(const std::vector<double>& values) { return test::encode(values, kF32); }

TEST_CASE("the previous output moves by at most tau towards each vector") {
  const std::vector<Bytes> x{floats({0, 0}), floats({0, 3}), floats({4, 0}), floats({0, 0})};
  const Bytes v = floats({0, 0});
  CHECK(aggregate_of(x, "centered_clipping(tau=2,f=0)", &v) == floats({0.5, 0.5}));
  const Bytes w = floats({4, 3});  // 5 from vectors 0 and 3, 4 from 1, 3 from 2
  const Report report = test::expected_of(x, 2, kF32, Rule::parse("centered_clipping(tau=1,f=0)"),
                                          {.previous = w.data()})
                            .report;
  CHECK(report.weights == std::vector<double>{0.05, 0.0625, 1.0 / 12, 0.05});
  CHECK(std::fabs(report.previous_weight - (1 - 0.05 - 0.0625 - 1.0 / 12 - 0.05)) < 1e-15);
}

TEST_CASE("where nothing is clipped the previous output has no weight") {
  const std::vector<Bytes> x = vectors(5, 40);
  const Rule rule = Rule::parse("centered_clipping(tau=1000)");
  const Bytes v = test::random_vector(9, 40, kF32);
  const auto got = test::expected_of(x, 40, kF32, rule, {.previous = v.data()});
  CHECK(got.report.previous_weight == 0);
  CHECK(got.report.weights == std::vector<double>(5, 0.2));
}

TEST_CASE("no previous output, zeros, and one that is not finite are the same to the bit") {
  const std::vector<Bytes> x = vectors(7, 3000);
  for (const char* rule :
       {"centered_clipping(tau=3)", "centered_clipping(tau=9,iterations=4)",
        "clip(tau=20)+nnm+centered_clipping(tau=3)", "bucketing(s=2)+centered_clipping(tau=3)"}) {
    CAPTURE(rule);
    const Bytes without = aggregate_of(x, rule, nullptr);
    const Bytes zeros = test::constant_vector(0, 3000, kF32);
    CHECK(aggregate_of(x, rule, &zeros) == without);
    for (const double bad : {kNan, HUGE_VAL, -HUGE_VAL}) {
      std::vector<double> values(3000, 1);
      values[2999] = bad;
      const Bytes v = floats(values);
      CHECK(aggregate_of(x, rule, &v) == without);
    }
    const Bytes ones = test::constant_vector(1, 3000, kF32);
    CHECK(aggregate_of(x, rule, &ones) != without);
  }
}

TEST_CASE("vectors that are infinitely far from it pull nothing") {
  const std::vector<Bytes> near = vectors(5, 100);
  const Bytes far = test::constant_vector(1e30, 100, kF32);
  CHECK(aggregate_of(near, "centered_clipping(tau=1)", &far) == far);
  const std::vector<Bytes> away(5, far);
  CHECK(aggregate_of(away, "centered_clipping(tau=1)", nullptr) ==
        test::constant_vector(0, 100, kF32));
}

TEST_CASE("one vector is the result as it is, and the result may replace the previous output") {
  const Bytes v = test::constant_vector(5, 50, kF32);
  const std::vector<Bytes> one = vectors(1, 50);
  CHECK(aggregate_of(one, "centered_clipping(tau=0.5)", &v) == one[0]);
  const std::vector<Bytes> x = vectors(5, 50);
  std::vector<const void*> rows;
  for (const Bytes& row : x) rows.push_back(row.data());
  Bytes state = v;
  const Rule rule = Rule::parse("centered_clipping(tau=0.5)");
  aggregate(rows, 50, kF32, rule, state.data(), {.previous = state.data()});
  CHECK(state == aggregate_of(x, "centered_clipping(tau=0.5)", &v));
}

const char* const kRules[] = {"centered_clipping(tau=5)", "centered_clipping(tau=40,iterations=3)",
                              "clip(tau=30)+centered_clipping(tau=5)",
                              "arc+nnm+centered_clipping(tau=5)"};

TEST_CASE("all_reduce with a previous output has the bits of aggregate, step after step") {
  const int n = GENERATE(1, 3, 5, 8);
  for (const std::int64_t d : {0, 7, 20'001}) {
    const std::vector<Bytes> x = vectors(n, d);
    for (const char* text : kRules) {
      for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
        CAPTURE(n, d, text, to_text(algorithm));
        const Bytes first = aggregate_of(x, text, nullptr);
        const Bytes second = aggregate_of(x, text, &first);
        test::run(n, {.algorithm = algorithm}, [&](Communicator& communicator) {
          Bytes previous;
          for (const Bytes* want : {&first, &second}) {
            Bytes mine = test::random_vector(communicator.rank(), d, kF32);
            communicator
                .all_reduce(mine.data(), d, kF32, Rule::parse(text),
                            previous.empty() ? nullptr : previous.data())
                .wait();
            expect(mine == *want, text);
            previous = mine;
          }
        });
      }
    }
  }
}

/// The result of an exchange of two adds of 5000 columns each, with these previous outputs.
Bytes in_two_adds(Algorithm algorithm, const char* rule, const Bytes* a, const Bytes* b) {
  const std::int64_t d = 5000;
  Bytes result;
  test::run(4, {.algorithm = algorithm}, [&](Communicator& communicator) {
    Bytes mine = test::random_vector(communicator.rank(), 2 * d, kF32);
    Exchange exchange = communicator.begin(Rule::parse(rule));
    exchange.add(mine.data(), d, kF32, a == nullptr ? nullptr : a->data());
    exchange.add(mine.data() + 4 * d, d, kF32, b == nullptr ? nullptr : b->data());
    exchange.finish().wait();
    if (communicator.rank() == 0) result = mine;
  });
  return result;
}

TEST_CASE("over several adds the previous output is one vector: a NaN in one zeroes all of it") {
  const Bytes good = test::constant_vector(0.5, 5000, kF32);
  const Bytes bad = test::constant_vector(kNan, 5000, kF32);
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    for (const char* rule : kRules) {
      CAPTURE(rule, to_text(algorithm));
      const Bytes without = in_two_adds(algorithm, rule, nullptr, nullptr);
      CHECK(in_two_adds(algorithm, rule, &good, &bad) == without);
      CHECK(in_two_adds(algorithm, rule, &bad, &good) == without);
      CHECK(in_two_adds(algorithm, rule, &good, &good) != without);
    }
  }
}

/// What each rank is told when it calls with `previous_of` its rank.
std::vector<std::string> told(const char* rule,
                              const std::function<const Bytes*(int rank)>& previous_of) {
  std::vector<std::string> messages(3);
  test::run(3, {}, [&](Communicator& communicator) {
    const int rank = communicator.rank();
    Bytes x = test::random_vector(rank, 100, kF32);
    const Bytes* const previous = previous_of(rank);
    messages[static_cast<std::size_t>(rank)] = message_of<MismatchError>([&] {
      communicator
          .all_reduce(x.data(), 100, kF32, Rule::parse(rule),
                      previous == nullptr ? nullptr : previous->data())
          .wait();
    });
    communicator.all_reduce(x.data(), 100, kF32, Rule::parse("mean")).wait();
  });
  return messages;
}

TEST_CASE("ranks that do not have the same previous output are all told") {
  const Bytes ones = test::constant_vector(1, 100, kF32);
  Bytes others = ones;
  others[399] = std::byte{0};
  const char* const rule = "centered_clipping(tau=1)";
  for (const std::string& message :
       told(rule, [&](int rank) { return rank == 1 ? nullptr : &ones; })) {
    CHECK(message.starts_with("ranks disagree on previous output: one with digest "));
    CHECK(message.ends_with(" from ranks 0, 2; none from rank 1"));
  }
  for (const std::string& message :
       told(rule, [&](int rank) { return rank == 2 ? &others : &ones; })) {
    CHECK(message.find(" from ranks 0, 1; one with digest ") != std::string::npos);
    CHECK(message.ends_with(" from rank 2"));
  }
  for (const std::string& message :
       told("krum(f=0)", [&](int rank) { return rank == 2 ? &others : &ones; })) {
    CHECK(message.empty());
  }
}

TEST_CASE("a previous output that the result would be written over is refused") {
  test::run(1, {}, [&](Communicator& communicator) {
    Bytes x = test::random_vector(0, 100, kF32);
    const Rule rule = Rule::parse("centered_clipping(tau=1)");
    const std::string message = message_of<InvalidArgument>(
        [&] { communicator.all_reduce(x.data(), 99, kF32, rule, x.data() + 4).wait(); });
    expect(message == "the previous output overlaps x, which is written over", message);
  });
}

}  // namespace
}  // namespace byzccl
