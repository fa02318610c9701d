// SPDX-License-Identifier: MIT
// Every rule, by every algorithm, gives on every rank the bits of aggregate().

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/every_rule.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;

struct Case {
  Rule rule;
  std::int64_t d;
  DType dtype;
  test::Expected expected;
  std::string name() const { return concat(to_text(rule), " d = ", d, " ", to_text(dtype)); }
};

std::vector<Bytes> vectors(int n, std::int64_t d, DType dtype) {
  std::vector<Bytes> x;
  for (int rank = 0; rank < n; ++rank) x.push_back(test::random_vector(rank, d, dtype));
  return x;
}

/// All rules and lengths; the dtypes take turns, so that every rule meets each. Case k is step k.
std::vector<Case> cases_for(int n) {
  set_threads(1);  // the ranks are threads enough; exchange_test varies it
  std::vector<Case> cases;
  int turn = 0;
  for (const Rule& rule : test::every_rule(n)) {
    for (const std::int64_t d : {0, 1, n - 1, 7, 1000, 5000, 70001}) {
      const std::int64_t step = turn++;
      const DType dtype = static_cast<DType>(step % 4);
      const auto x = vectors(n, d, dtype);
      cases.push_back({rule, d, dtype, test::expected_of(x, d, dtype, rule, {.step = step})});
    }
  }
  return cases;
}

TEST_CASE("all_reduce equals aggregate bit for bit on every rank") {
  const int n = GENERATE(1, 2, 3, 4, 5, 8, 11);
  CAPTURE(n);
  const std::vector<Case> cases = cases_for(n);
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(n, {.algorithm = algorithm, .chunk_bytes = 4096}, [&](Communicator& communicator) {
      std::int64_t step = 0;
      for (const Case& c : cases) {
        const std::string name = concat(c.name(), " ", to_text(algorithm));
        Bytes x = test::random_vector(communicator.rank(), c.d, c.dtype);
        Pending pending = communicator.all_reduce(x.data(), c.d, c.dtype, c.rule);
        pending.wait();
        expect(x == c.expected.out, name);
        const Report report = pending.report();
        test::expect_same_report(report, c.expected.report, name);
        expect(report.algorithm == to_text(algorithm) && report.step == step++, name + ": step");
      }
    });
  }
}

TEST_CASE("reduce writes on its root only") {
  const int n = GENERATE(1, 3, 8);
  const int root = n / 2;
  CAPTURE(n, root);
  const std::vector<Case> cases = cases_for(n);
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(n, {.algorithm = algorithm}, [&](Communicator& communicator) {
      for (const Case& c : cases) {
        const Bytes before = test::random_vector(communicator.rank(), c.d, c.dtype);
        Bytes x = before;
        Pending pending = communicator.reduce(x.data(), c.d, c.dtype, c.rule, root);
        pending.wait();
        expect(x == (communicator.rank() == root ? c.expected.out : before), c.name());
        test::expect_same_report(pending.report(), c.expected.report, c.name());
      }
    });
  }
}

TEST_CASE("reduce_scatter writes each rank's columns, outside x or in place") {
  const int n = GENERATE(1, 4, 5);
  CAPTURE(n);
  std::vector<Case> cases;
  for (const Rule& rule : test::every_rule(n)) {
    if (rule.bucketing) continue;  // the two calls below are two steps
    for (const std::int64_t d : {0, n, 7 * n, 1024 * n, 30001 * n}) {
      const auto x = vectors(n, d, DType::kFloat32);
      cases.push_back({rule, d, DType::kFloat32, test::expected_of(x, d, DType::kFloat32, rule)});
    }
  }
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(n, {.algorithm = algorithm}, [&](Communicator& communicator) {
      for (const Case& c : cases) {
        const std::ptrdiff_t part = c.d / n * 4;
        const std::ptrdiff_t mine = part * communicator.rank();
        const Bytes before = test::random_vector(communicator.rank(), c.d, c.dtype);
        const auto first = c.expected.out.begin() + mine;
        const Bytes expected(first, first + part);
        Bytes x = before;
        Bytes out(static_cast<std::size_t>(part));
        Pending pending = communicator.reduce_scatter(x.data(), out.data(), c.d, c.dtype, c.rule);
        pending.wait();
        expect(out == expected && x == before, c.name() + " outside");
        test::expect_same_report(pending.report(), c.expected.report, c.name());
        communicator.reduce_scatter(x.data(), x.data() + mine, c.d, c.dtype, c.rule).wait();
        Bytes in_place = before;
        std::copy(expected.begin(), expected.end(), in_place.begin() + mine);
        expect(x == in_place, c.name() + " in place");
      }
    });
  }
}

TEST_CASE("guarded_mean of good vectors is bit for bit the mean") {
  const int n = 5;
  const std::int64_t d = 5000;
  test::run(n, {}, [&](Communicator& communicator) {
    Bytes a = test::random_vector(communicator.rank(), d, DType::kFloat32);
    Bytes b = a;
    communicator.all_reduce(a.data(), d, DType::kFloat32, Rule::parse("guarded_mean(f=2)")).wait();
    communicator.all_reduce(b.data(), d, DType::kFloat32, Rule::parse("mean")).wait();
    expect(a == b, "guarded_mean differs from mean");
  });
}

TEST_CASE("bad vectors are data: NaN, infinities, and more of them than f") {
  const int n = 7;
  const int f = 1;
  const std::int64_t d = 3000;
  const double bad = GENERATE(1e30, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN());
  const int liars = GENERATE(1, 2);
  CAPTURE(bad, liars);
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const auto vector_of = [&](int rank) {
    return rank < liars ? test::constant_vector(bad, d, DType::kFloat32)
                        : test::random_vector(rank, d, DType::kFloat32);
  };
  std::vector<Bytes> x;
  for (int rank = 0; rank < n; ++rank) x.push_back(vector_of(rank));
  for (const char* text :
       {"krum(f=1)", "mda(f=1)", "bulyan(f=1)", "median(f=1)", "trimmed_mean(f=1)",
        "guarded_mean(f=1)", "geometric_median(f=1)", "multi_bulyan(f=1)", "cge(f=1)", "smea(f=1)",
        "caf(f=1)", "faba(f=1)", "meamed(f=1)", "phocas(f=1)"}) {
    CAPTURE(text);
    const Rule rule = Rule::parse(text);
    const test::Expected expected = test::expected_of(x, d, DType::kFloat32, rule);
    Report report;
    test::run(n, {.algorithm = algorithm}, [&](Communicator& communicator) {
      Bytes mine = vector_of(communicator.rank());
      Pending pending = communicator.all_reduce(mine.data(), d, DType::kFloat32, rule);
      pending.wait();
      expect(mine == expected.out, text);
      test::expect_same_report(pending.report(), expected.report, text);
      if (communicator.rank() == 0) report = pending.report();
    });
    float first = 0;
    std::memcpy(&first, expected.out.data(), sizeof first);
    // 1e30 is finite in a column, but its square is not a finite distance.
    const bool beyond =
        liars > f && (plan(rule, n, DType::kFloat32).needs_distances || !std::isfinite(bad));
    CHECK(std::isnan(first) == beyond);
    if (beyond && !report.distances.empty()) {
      CHECK(report.failed);
      CHECK_FALSE(report.failure.empty());
    }
    if (beyond && report.distances.empty()) CHECK(report.nan_columns == d);
  }
}

TEST_CASE("a rule that differs by rank is refused on every rank") {
  test::run(3, {}, [&](Communicator& communicator) {
    Bytes x = test::random_vector(communicator.rank(), 7, DType::kFloat32);
    const std::string message = test::message_of<InvalidArgument>([&] {
      communicator.all_reduce(x.data(), 7, DType::kFloat32, Rule::parse("monna(f=1)")).wait();
    });
    expect(message == "monna(f=1) gives every rank another result: it is for aggregate() alone",
           message);
  });
}

TEST_CASE("a long vector goes round a ring in several slabs") {
  const int n = 3;
  const std::int64_t d = 3'000'001;  // 12 MB: a slab a shard
  for (const char* text : {"krum(f=0)", "median"}) {
    const Rule rule = Rule::parse(text);
    const auto x = vectors(n, d, DType::kFloat32);
    const test::Expected expected = test::expected_of(x, d, DType::kFloat32, rule);
    const CommunicatorOptions options{.algorithm = Algorithm::kRing, .chunk_bytes = 1'000'000};
    test::run(n, options, [&](Communicator& communicator) {
      Bytes own = x[static_cast<std::size_t>(communicator.rank())];
      communicator.all_reduce(own.data(), d, DType::kFloat32, rule).wait();
      expect(own == expected.out, text);
    });
  }
}

TEST_CASE("all_reduce on some ranks meets begin, add and finish on others") {
  const int n = 3;
  const Rule rule = Rule::parse("krum(f=0)");
  const std::int64_t d = 5000;
  const test::Expected expected =
      test::expected_of(vectors(n, d, DType::kFloat32), d, DType::kFloat32, rule);
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(n, {.algorithm = algorithm}, [&](Communicator& communicator) {
      Bytes x = test::random_vector(communicator.rank(), d, DType::kFloat32);
      if (communicator.rank() == 1) {
        Exchange exchange = communicator.begin(rule);
        exchange.add(x.data(), d, DType::kFloat32);
        exchange.finish().wait();
      } else {
        communicator.all_reduce(x.data(), d, DType::kFloat32, rule).wait();
      }
      expect(x == expected.out, std::string(to_text(algorithm)));
    });
  }
}

TEST_CASE("bytes sent are those that the algorithm promises") {
  const int n = 4;
  const std::int64_t d = 4 * 1024 * 16;  // every shard has as many tiles
  const std::int64_t bytes = d * 4;
  const std::int64_t header = (n - 1) * (512 + n);  // and echo
  const std::int64_t sums = (n - 1) * 6 * 8;
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    test::run(n, {.algorithm = algorithm}, [&](Communicator& communicator) {
      Bytes x = test::random_vector(communicator.rank(), d, DType::kFloat32);
      Pending pending =
          communicator.all_reduce(x.data(), d, DType::kFloat32, Rule::parse("krum(f=0)"));
      const std::int64_t sent = pending.report().bytes_sent;
      const std::int64_t promised = algorithm == Algorithm::kRing
                                        ? (n - 1) * bytes + 2 * header
                                        : 2 * (n - 1) * bytes / n + header + sums;
      expect(sent == promised, concat(to_text(algorithm), " sent ", sent));
      expect(communicator.bytes_sent() == sent, "counter of sent bytes");
      expect(communicator.bytes_received() == sent, "counter of received bytes");
    });
  }
}

}  // namespace
}  // namespace byzccl
