// SPDX-License-Identifier: MIT
// The previous output in collectives: the bits of aggregate(), and alike on all ranks.

#include <functional>
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

const char* const kRules[] = {"centered_clipping(tau=5)", "centered_clipping(tau=8,iterations=3)",
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
