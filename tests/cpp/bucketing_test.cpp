// SPDX-License-Identifier: MIT
// Buckets: who is in one, and how its members are added up.

#include <byzccl/rules/bucketing.hpp>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/stack.hpp"
#include "support/vectors_run.hpp"

namespace {

using byzccl::DType;
using byzccl::Rule;
using byzccl::testing::Matrix;

byzccl::Plan plan_of(const std::string& text, int n) {
  return byzccl::plan(Rule::parse(text), n, DType::kFloat32);
}

std::vector<std::uint8_t> buckets_of(const byzccl::Plan& plan) {
  std::vector<std::uint8_t> order(static_cast<std::size_t>(plan.ranks));
  std::vector<std::uint8_t> bucket(static_cast<std::size_t>(plan.ranks));
  byzccl::rules::assign_buckets(plan, order.data(), bucket.data());
  return bucket;
}

byzccl::test::Row result_of(const std::string& rule, const std::vector<byzccl::test::Row>& rows,
                            std::int64_t d, DType dtype) {
  byzccl::test::Row out(d, dtype);
  byzccl::aggregate(byzccl::test::pointers(rows), d, dtype, Rule::parse(rule), out.data());
  return out;
}

}  // namespace

TEST_CASE("buckets are a permutation that depends on the seed and on the step") {
  byzccl::Plan plan;
  plan.ranks = 256;
  plan.bucket = 3;
  std::set<std::vector<std::uint8_t>> seen;
  for (const std::int64_t seed : {0, 1}) {
    for (const std::int64_t step : {0, 1}) {
      plan.seed = seed;
      plan.step = step;
      std::vector<std::uint8_t> order(256);
      std::vector<std::uint8_t> bucket(256);
      byzccl::rules::assign_buckets(plan, order.data(), bucket.data());
      std::vector<int> sizes(86);
      for (const std::uint8_t k : bucket) ++sizes[k];
      for (int k = 0; k < 86; ++k) CHECK(sizes[k] == byzccl::rules::bucket_size(plan, k));
      seen.insert(bucket);
    }
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("worked case 8: distances between buckets come from the data") {
  // The step that puts vectors 0 and 1 into one bucket.
  for (std::int64_t step = 0;; ++step) {
    REQUIRE(step < 100);
    const Matrix x{{1e30}, {-1e30}, {1}, {2}};
    const auto got = byzccl::testing::run(Rule::parse("bucketing(s=2)+mda(f=0)"), x,
                                          DType::kFloat32, {.step = step});
    if (!(got.report.distances[1] < 10)) continue;
    CHECK(got.report.distances == std::vector<double>{0, 2.25, 2.25, 0});
    CHECK(got.out[0] == 0.75);
    return;
  }
}

TEST_CASE("behind bucketing alone, members are added in rank order and divided once") {
  const std::int64_t d = 700;
  for (const DType dtype : byzccl::test::kEveryDType) {
    for (const int n : {6, 9, 12}) {
      const auto rows = byzccl::test::random_stack(n, d, dtype);
      const auto result = [&](const std::string& rule) { return result_of(rule, rows, d, dtype); };
      CAPTURE(to_text(dtype), n);
      // Buckets of one size: the mean of their means is the mean, to the bit; so is one bucket.
      CHECK(result("bucketing(s=3)+mean").same_bits(result("mean")));
      CHECK(result("bucketing(s=3)+mda(f=0)").same_bits(result("mean")));
      CHECK(result("bucketing(s=" + std::to_string(n) + ")+median").same_bits(result("mean")));
      CHECK(result("bucketing(s=1)+median").same_bits(result("median")));
      CHECK(result("bucketing(s=1)+multi_krum(f=1)").same_bits(result("multi_krum(f=1)")));
    }
  }
}

TEST_CASE("columns behind buckets of two sizes: each member sum is divided by its own size") {
  // Five vectors in buckets of 3 and 2; 1/3 is not exact, so a product with it would show.
  const int n = 5;
  const std::vector<std::uint8_t> bucket = buckets_of(plan_of("bucketing(s=3)+mean", n));
  const std::int64_t d = 300;
  const auto rows = byzccl::test::random_stack(n, d, DType::kFloat32);
  const auto out = result_of("bucketing(s=3)+median", rows, d, DType::kFloat32);
  for (std::int64_t c = 0; c < d; ++c) {
    float sums[2] = {};
    for (std::size_t i = 0; i < 5; ++i) sums[bucket[i]] += static_cast<float>(rows[i].at(c));
    CHECK(out.at(c) == static_cast<double>(0.5f * (sums[0] / 3) + 0.5f * (sums[1] / 2)));
  }
  std::vector<const void*> x = byzccl::test::pointers(rows);
  const byzccl::Report report =
      byzccl::explain(x, d, DType::kFloat32, Rule::parse("bucketing(s=3)+median"));
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(report.weights[i] == (bucket[i] == 0 ? 1.0 / 3 : 1.0 / 2) / 2);
  }
}
