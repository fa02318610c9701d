// SPDX-License-Identifier: MIT
// Steps without a rule: the rows against the reference, and rules over them against the same rules
// behind the steps.

#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/reference_steps.hpp"
#include "support/vectors.hpp"

namespace {

using byzccl::DType;
using byzccl::PreAggregation;
using byzccl::Rule;
using byzccl::testing::Family;
using byzccl::testing::kFamilies;
using byzccl::testing::Matrix;
using byzccl::testing::Packed;
using byzccl::testing::Random;

using Bytes = std::vector<std::byte>;

const std::vector<DType> kTypes{DType::kFloat32, DType::kFloat16, DType::kBFloat16,
                                DType::kFloat64};

struct Made {
  std::vector<Bytes> rows;
  std::vector<const void*> pointers() const {
    std::vector<const void*> all;
    for (const Bytes& row : rows) all.push_back(row.data());
    return all;
  }
};

Made made(const std::string& steps, std::span<const void* const> x, std::size_t d, DType dtype,
          std::int64_t step = 0) {
  const auto parsed = PreAggregation::parse(steps);
  Made result;
  result.rows.resize(
      static_cast<std::size_t>(byzccl::plan(parsed, static_cast<int>(x.size()), dtype).n),
      Bytes(d * size_of(dtype)));
  std::vector<void*> out;
  for (Bytes& row : result.rows) out.push_back(row.data());
  byzccl::pre_aggregate(x, static_cast<std::int64_t>(d), dtype, parsed, out, {.step = step});
  return result;
}

Bytes aggregate(const std::string& rule, std::span<const void* const> x, std::size_t d, DType dtype,
                std::int64_t step = 0) {
  Bytes out(d * size_of(dtype));
  byzccl::aggregate(x, static_cast<std::int64_t>(d), dtype, Rule::parse(rule), out.data(),
                    {.own = 0, .step = step});
  return out;
}

const std::vector<std::string> kSteps{"bucketing(s=2)",
                                      "bucketing(s=3,seed=9)",
                                      "clip(tau=0.5)",
                                      "arc(f=2)",
                                      "nnm(f=2)",
                                      "bucketing(s=2)+clip(tau=1)",
                                      "bucketing(s=2)+arc(f=1)",
                                      "bucketing(s=2)+nnm(f=1)",
                                      "arc(f=2)+nnm(f=2)",
                                      "clip(tau=2)+nnm(f=1)",
                                      "bucketing(s=2)+clip(tau=2)+nnm(f=1)",
                                      "bucketing(s=1)+arc(f=2)+nnm(f=1)"};

std::string message_of(const std::string& text) {
  try {
    PreAggregation::parse(text);
  } catch (const byzccl::InvalidArgument& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("The rows that steps make are those of the reference") {
  Random random(17);
  int compared = 0;
  int absent = 0;
  for (int round = 0; round < 6; ++round) {
    for (int family = 0; family < kFamilies; ++family) {
      for (const std::string& steps : kSteps) {
        for (const DType dtype : kTypes) {
          const int n = 6 + static_cast<int>(random() % 7);
          const std::size_t d = 1 + random() % 40;
          const auto drawn =
              draw(static_cast<Family>(family), n, 2, static_cast<int>(d), dtype, random);
          CAPTURE(family, steps, to_text(dtype), n, d);
          const Rule rule = Rule::parse(steps + "+mean");
          const auto want = byzccl::testing::apply_steps(rule, drawn.x, dtype, round);
          const bool exact = dtype == DType::kFloat64;
          // Whether norms of 1e19 overflow in float32 depends on how many lanes add them.
          if (static_cast<Family>(family) == Family::kColluders && !exact) continue;
          if (want.margin < (exact ? 1e-9 : 1e-3)) continue;  // rounding decides who is near
          ++compared;
          const Packed packed(drawn.x, dtype);
          const Made got = made(steps, packed.rows(), d, dtype, round);
          REQUIRE(got.rows.size() == want.y.size());
          double largest = 0;
          for (const auto& row : drawn.x) {
            for (const double value : row) {
              if (std::isfinite(value)) largest = std::max(largest, std::fabs(value));
            }
          }
          for (std::size_t i = 0; i < want.y.size(); ++i) {
            const auto row = byzccl::testing::unpack(got.rows[i], dtype);
            for (std::size_t c = 0; c < d; ++c) {
              const double expected = want.failed ? NAN : want.y[i][c];
              absent += std::isnan(expected);
              if (std::isnan(expected)) {
                REQUIRE(std::isnan(row[c]));
              } else if (std::isfinite(expected) &&
                         std::isfinite(byzccl::testing::quantise(expected, dtype))) {
                const double rounding = byzccl::testing::half_ulp(expected, dtype) * (1 + 1e-6);
                REQUIRE(std::fabs(row[c] - expected) <=
                        rounding + (exact ? 1e-11 : 4e-6) * largest);
              } else {
                REQUIRE(!std::isfinite(row[c]));
              }
            }
          }
        }
      }
    }
  }
  CHECK(compared > 1500);
  CHECK(absent > 100);
}

TEST_CASE("A column rule over the rows is the rule behind the steps, to the bit") {
  Random random(18);
  for (int family = 0; family < kFamilies; ++family) {
    for (const std::string& steps : kSteps) {
      for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
        for (const std::string rule :
             {"median", "trimmed_mean(f=1)", "meamed(f=1)", "phocas(f=1)"}) {
          CAPTURE(family, steps, to_text(dtype), rule);
          const int n = 7 + static_cast<int>(random() % 5);
          const std::size_t d = 1 + random() % 2000;
          const auto drawn =
              draw(static_cast<Family>(family), n, 2, static_cast<int>(d), dtype, random);
          const Packed packed(drawn.x, dtype);
          const Bytes behind = aggregate(steps + "+" + rule, packed.rows(), d, dtype, 3);
          const Made rows = made(steps, packed.rows(), d, dtype, 3);
          const auto one = byzccl::testing::unpack(behind, dtype);
          const auto other =
              byzccl::testing::unpack(aggregate(rule, rows.pointers(), d, dtype), dtype);
          for (std::size_t c = 0; c < d; ++c) {
            REQUIRE((one[c] == other[c] || (std::isnan(one[c]) && std::isnan(other[c]))));
          }
        }
      }
    }
  }
}

TEST_CASE(
    "A distance rule or the mean over the rows is the rule behind the steps, but for rounding") {
  Random random(19);
  int compared = 0;
  for (const Family family : {Family::kGaussian, Family::kOffset, Family::kGraded, Family::kFar}) {
    for (const std::string& steps : kSteps) {
      for (const std::string rule : {"mean", "krum(f=1)", "multi_krum(f=1)", "mda(f=1)",
                                     "geometric_median(f=1)", "faba(f=1)", "monna(f=1)"}) {
        for (int round = 0; round < 4; ++round) {
          if (rule == "monna(f=1)" && steps.starts_with("bucketing")) continue;
          const int n = 13 + static_cast<int>(random() % 3);
          const std::size_t d = 30;
          const auto drawn = draw(family, n, 1, static_cast<int>(d), DType::kFloat64, random);
          CAPTURE(static_cast<int>(family), steps, rule, n);
          const Rule whole = Rule::parse(steps + "+" + rule);
          const auto want = byzccl::testing::reference(whole, drawn.x, DType::kFloat64, 0, round);
          const auto stepped = byzccl::testing::apply_steps(whole, drawn.x, DType::kFloat64, round);
          const bool all = stepped.present.size() == stepped.y.size();
          if (want.margin < 1e-6 || (rule == "mean" && !all)) continue;
          ++compared;
          const Packed packed(drawn.x, DType::kFloat64);
          const Made rows = made(steps, packed.rows(), d, DType::kFloat64, round);
          const auto behind = byzccl::testing::unpack(
              aggregate(steps + "+" + rule, packed.rows(), d, DType::kFloat64, round),
              DType::kFloat64);
          const auto over = byzccl::testing::unpack(
              aggregate(rule, rows.pointers(), d, DType::kFloat64), DType::kFloat64);
          for (std::size_t c = 0; c < d; ++c) {
            REQUIRE(std::fabs(behind[c] - over[c]) <=
                    1e-9 * (1 + want.magnitude[c]) + 2 * want.slack);
          }
        }
      }
    }
  }
  CHECK(compared > 800);
}

TEST_CASE("A f that is left out is the largest that the rows allow") {
  CHECK(byzccl::plan(PreAggregation::parse("nnm"), 7, DType::kFloat32).nnm_f == 3);
  CHECK(byzccl::plan(PreAggregation::parse("bucketing(s=2)+nnm"), 7, DType::kFloat32).nnm_f == 1);
  CHECK(byzccl::plan(PreAggregation::parse("bucketing(s=2)"), 7, DType::kFloat32).n == 4);
}

TEST_CASE("Threads do not change the rows") {
  Random random(20);
  const auto drawn = draw(Family::kGaussian, 7, 2, 50000, DType::kFloat32, random);
  const Packed packed(drawn.x, DType::kFloat32);
  const int before = byzccl::threads();
  byzccl::set_threads(1);
  const Made one = made("arc+nnm", packed.rows(), 50000, DType::kFloat32);
  byzccl::set_threads(3);
  const Made three = made("arc+nnm", packed.rows(), 50000, DType::kFloat32);
  byzccl::set_threads(before);
  CHECK(one.rows == three.rows);
}

TEST_CASE("Text of steps, both ways") {
  for (const char* text : {"nnm", "arc(f=2)+nnm", "bucketing(s=2,seed=7)+clip(tau=0.5)+nnm(f=1)"}) {
    CHECK(to_text(PreAggregation::parse(text)) == text);
    CHECK(PreAggregation::parse(to_text(PreAggregation::parse(text))) ==
          PreAggregation::parse(text));
  }
  CHECK(to_text(PreAggregation::parse(" nnm ( f = 02 ) ")) == "nnm(f=2)");
  CHECK(to_text(PreAggregation{}).empty());
  CHECK(message_of("nnm+krum(f=2)") ==
        "krum is a rule, and pre_aggregate takes steps alone: \"nnm+krum(f=2)\"");
  CHECK(message_of("mnn") == "unknown step \"mnn\"; known: bucketing, clip, arc, nnm");
  CHECK(message_of("nnm+arc").find("steps come in the order") != std::string::npos);
  CHECK(message_of("") == "cannot read the steps \"\": expected a step, but it ends");
  CHECK(message_of("nnm+").find("cannot read the steps \"nnm+\"") != std::string::npos);
  CHECK(message_of("clip") == "clip needs tau");
  CHECK(message_of("nnm(f=-1)") == "nnm needs f >= 0, got f = -1");
  CHECK(message_of(std::string(401, 'a')) ==
        "the text of steps has at most 400 characters, got 401");
}

TEST_CASE("What cannot be made is refused, with the numbers") {
  const std::vector<float> values(4, 1.0f);
  const std::vector<const void*> x(4, values.data());
  std::vector<float> made_of(8);
  std::vector<void*> out{made_of.data(), made_of.data() + 4};
  const auto message = [&](const PreAggregation& steps, std::span<const void* const> vectors,
                           std::int64_t d, std::span<void* const> to, std::int64_t step = 0) {
    try {
      byzccl::pre_aggregate(vectors, d, DType::kFloat32, steps, to, {.step = step});
    } catch (const byzccl::InvalidArgument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const auto pairs = PreAggregation::parse("bucketing(s=2)");
  CHECK(message(pairs, x, 4, out).empty());
  CHECK(made_of == std::vector<float>(8, 1.0f));
  CHECK(message(pairs, x, 0, std::vector<void*>(2, nullptr)).empty());
  CHECK(message(pairs, x, 4, std::span(out).first(1)) ==
        "pre_aggregate makes 2 rows of n = 4, got 1 outputs");
  CHECK(message(pairs, x, 4, std::vector<void*>(2, nullptr)).find("null output") !=
        std::string::npos);
  CHECK(message(pairs, std::vector<const void*>(4, nullptr), 4, out).find("null pointer") !=
        std::string::npos);
  CHECK(message(pairs, x, -1, out) == "pre_aggregate needs d >= 0, got d = -1");
  CHECK(message(pairs, x, 4, out, -1) == "step must not be negative, got -1");
  CHECK(message(pairs, {}, 4, out) == "pre_aggregate needs 1 <= n <= 256, got n = 0");
  CHECK(message({}, x, 4, out) == "pre_aggregate needs a step: bucketing, clip, arc or nnm");
  CHECK(message(PreAggregation::parse("bucketing(s=2)+nnm(f=1)"), x, 4, out) ==
        "nnm needs n >= 2 f + 1, got n = 2 (n = 4 before bucketing), f = 1");
}
