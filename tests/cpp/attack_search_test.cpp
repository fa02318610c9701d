// SPDX-License-Identifier: MIT
// Attacks that try their vectors on a rule: optimal_alie, optimal_ipm and fang_krum, judged by the
// reference of each rule.

#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/crafted.hpp"

namespace {

using byzccl::Adversary;
using byzccl::Attack;
using byzccl::AttackContext;
using byzccl::DType;
using byzccl::Rule;
using byzccl::testing::Family;
using byzccl::testing::honest_vectors;
using byzccl::testing::kTypes;
using byzccl::testing::Matrix;
using byzccl::testing::moments;
using byzccl::testing::Packed;
using byzccl::testing::sent;

using Vector = std::vector<double>;

constexpr int kHonest = 5;
constexpr int kByzantine = 2;

AttackContext against(const std::string& rule) {
  AttackContext context{.n = kHonest + kByzantine, .f = kByzantine, .step = 5, .rank = 6};
  if (!rule.empty()) context.rule = Rule::parse(rule);
  return context;
}

/// The honest vectors and the copies of what is sent.
Matrix received(const Matrix& honest, const Vector& bad) {
  Matrix x = honest;
  x.insert(x.end(), kByzantine, bad);
  return x;
}

/// How far the rule's output lies from the honest mean.
double harm(const std::string& rule, const Matrix& honest, const Vector& bad, DType dtype) {
  const Vector out = byzccl::testing::reference(Rule::parse(rule), received(honest, bad), dtype, 0,
                                                against("").step)
                         .out;
  const Vector mean = moments(honest).mean;
  double squares = 0;
  for (std::size_t c = 0; c < out.size(); ++c) squares += (out[c] - mean[c]) * (out[c] - mean[c]);
  return std::sqrt(squares);
}

const std::vector<std::string> kRules{"mean",
                                      "krum(f=2)",
                                      "mda(f=2)",
                                      "median",
                                      "trimmed_mean(f=2)",
                                      "cge(f=2)",
                                      "monna(f=2)",
                                      "faba(f=2)",
                                      "guarded_mean(f=2)",
                                      "meamed(f=2)",
                                      "nnm+cge(f=2)",
                                      "arc(f=2)+median",
                                      "bucketing(s=2)+median",
                                      "clip(tau=3)+krum(f=2)"};

std::string with(const std::string& attack, double factor) {
  return attack + "=" + std::to_string(factor) + ")";
}

}  // namespace

TEST_CASE("A searched factor harms at least as much as those that are always tried") {
  for (const Family family : {Family::kGaussian, Family::kOffset}) {
    const Matrix x = honest_vectors(DType::kFloat64, 40, family);
    for (const std::string& rule : kRules) {
      for (const bool alie : {true, false}) {
        CAPTURE(static_cast<int>(family), rule, alie);
        const auto context = against(rule);
        const Vector found =
            sent(alie ? "optimal_alie" : "optimal_ipm", x, DType::kFloat64, context);
        const double done = harm(rule, x, found, DType::kFloat64);
        for (double factor = 0.125; factor <= 256; factor *= 2) {
          const double tried = factor == 0.125 ? 0 : factor;
          const Vector plain =
              sent(with(alie ? "alie(z" : "ipm(scale", tried), x, DType::kFloat64, context);
          REQUIRE(done >= harm(rule, x, plain, DType::kFloat64) * (1 - 1e-9));
        }
      }
    }
  }
}

TEST_CASE("The search ends close below the factor at which the rule takes notice") {
  const Matrix x = honest_vectors(DType::kFloat64, 40, Family::kGaussian);
  // With many coordinates mda takes the copies up to some z and none beyond it.
  for (const std::string rule : {"mda(f=2)", "krum(f=2)"}) {
    CAPTURE(rule);
    double best = 0;
    for (int k = 0; k <= 4000; ++k) {
      const Vector tried = sent(with("alie(z", k * 0.002), x, DType::kFloat64, against(rule));
      best = std::max(best, harm(rule, x, tried, DType::kFloat64));
    }
    const Vector found = sent("optimal_alie", x, DType::kFloat64, against(rule));
    CHECK(harm(rule, x, found, DType::kFloat64) >= 0.97 * best);
  }
}

TEST_CASE("A rule without protection gets the largest factor of the search") {
  for (const DType dtype : kTypes) {
    CAPTURE(to_text(dtype));
    const Matrix x = honest_vectors(dtype, 1500, Family::kGaussian);
    // 256 at first, and then six times half of what is left to 512.
    CHECK(sent("optimal_alie", x, dtype, against("mean")) == sent("alie(z=508)", x, dtype));
    CHECK(sent("optimal_ipm", x, dtype, against("mean")) == sent("ipm(scale=508)", x, dtype));
  }
}

TEST_CASE("An output that is not finite is no harm, and a search over values that are not ends") {
  Matrix x = honest_vectors(DType::kFloat16, 3, Family::kGaussian);
  for (Vector& row : x) row[0] = row[0] > 0 ? 60000 : 30000;  // few factors stay finite
  const Vector found = sent("optimal_ipm", x, DType::kFloat16, against("mean"));
  for (const double value : found) CHECK(std::isfinite(value));
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), byzccl::testing::kInfinity}) {
    x[1][2] = bad;
    for (const std::string& rule : kRules) {
      CAPTURE(rule);
      const Vector alie = sent("optimal_alie", x, DType::kFloat32, against(rule));
      CHECK(alie[1] == byzccl::testing::quantise(moments(x).mean[1], DType::kFloat32));  // z = 0
      CHECK(!std::isfinite(alie[2]));
      CHECK(sent("optimal_ipm", x, DType::kFloat32, against(rule))[1] == 0);
      CHECK(sent("fang_krum", x, DType::kFloat32, against(rule)) == Vector(3, 0.0));
    }
  }
}

TEST_CASE("Same arguments, same bits, and the output may be one of the honest vectors") {
  for (const DType dtype : kTypes) {
    for (const char* attack : {"optimal_alie", "optimal_ipm", "fang_krum"}) {
      CAPTURE(to_text(dtype), attack);
      const Matrix x = honest_vectors(dtype, 1500, Family::kGaussian);
      const auto context = against("krum(f=2)");
      const Vector want = sent(attack, x, dtype, context);
      CHECK(sent(attack, x, dtype, context) == want);
      const Packed packed(x, dtype);
      void* const out = const_cast<void*>(packed.rows()[3]);
      Adversary(Attack::parse(attack)).craft(packed.rows(), 1500, dtype, context, out);
      const auto* begin = static_cast<const std::byte*>(out);
      CHECK(byzccl::testing::unpack({begin, begin + 1500 * size_of(dtype)}, dtype) == want);
    }
  }
}

TEST_CASE("The rule is asked as its receiver and at its step") {
  const Matrix x = honest_vectors(DType::kFloat64, 40, Family::kGaussian);
  auto context = against("monna(f=2)");
  const Vector first = sent("optimal_alie", x, DType::kFloat64, context);
  context.receiver = 3;
  CHECK(sent("optimal_alie", x, DType::kFloat64, context) != first);
  context = against("bucketing(s=3)+krum(f=0)");
  const Vector now = sent("optimal_alie", x, DType::kFloat64, context);
  bool differs = false;
  for (context.step = 6; context.step < 16; ++context.step) {
    differs = differs || sent("optimal_alie", x, DType::kFloat64, context) != now;
  }
  CHECK(differs);
}

TEST_CASE("fang_krum goes as far against the mean's signs as Krum takes it") {
  int compared = 0;
  for (const DType dtype : kTypes) {
    for (const Family family : {Family::kGaussian, Family::kOffset}) {
      for (const int d : {1, 40, 1100}) {
        CAPTURE(to_text(dtype), static_cast<int>(family), d);
        const Matrix x = honest_vectors(dtype, d, family);
        const Vector mean = moments(x).mean;
        const double columns = d;
        double nearest = byzccl::testing::kInfinity;
        double farthest = 0;
        for (const Vector& row : x) {
          double sum = 0;
          double most = 0;
          double norm = 0;
          for (const Vector& other : x) {
            double distance = 0;
            for (std::size_t c = 0; c < row.size(); ++c) {
              distance += (row[c] - other[c]) * (row[c] - other[c]);
            }
            sum += distance;
            most = std::max(most, distance);
          }
          for (const double value : row) norm += value * value;
          nearest = std::min(nearest, sum - most);
          farthest = std::max(farthest, norm);
        }
        // h - f - 1 = 2.
        double lambda = std::sqrt(nearest / (2 * columns)) + std::sqrt(farthest / columns);
        const auto crafted = [&] {
          Vector y(mean.size());
          for (std::size_t c = 0; c < y.size(); ++c) {
            y[c] = byzccl::testing::quantise(mean[c] > 0 ? -lambda : lambda, dtype);
          }
          return y;
        };
        bool clear = true;
        for (int k = 1; k < 20; ++k) {
          const auto answer =
              byzccl::testing::reference(Rule::parse("krum(f=2)"), received(x, crafted()), dtype);
          clear = clear && answer.margin > 1e-4;
          if (answer.selected && answer.selected->front() >= kHonest) break;
          lambda /= 2;
        }
        if (!clear) continue;  // rounding decides what Krum takes
        ++compared;
        const Vector want = crafted();
        const Vector found = sent("fang_krum", x, dtype, against(""));
        for (std::size_t c = 0; c < want.size(); ++c) {
          REQUIRE(std::fabs(found[c] - want[c]) <=
                  2.001 * byzccl::testing::half_ulp(want[c], dtype) + 1e-12 * std::fabs(want[c]));
        }
      }
    }
  }
  CHECK(compared >= 20);  // of 24
}

TEST_CASE("What cannot be tried on a rule is refused, and says why") {
  const Matrix x = honest_vectors(DType::kFloat32, 4);
  const auto message = [&](const std::string& attack, const AttackContext& context) {
    try {
      sent(attack, x, DType::kFloat32, context);
    } catch (const byzccl::InvalidArgument& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (const std::string attack : {"optimal_alie", "optimal_ipm"}) {
    CHECK(message(attack, against("")) ==
          attack + " tries its vectors on the receivers' rule: it needs one, and got none");
    auto context = against("krum(f=3)");
    CHECK(message(attack, context) == "krum needs n >= 2 f + 3, got n = 7, f = 3");
    context.receiver = 5;
    CHECK(message(attack, context).find("got receiver = 5") != std::string::npos);
    context = against("mean");
    context.f = 0;
    CHECK(message(attack, context) == attack + " needs f >= 1, got f = 0");
  }
  auto context = against("");
  context.f = 3;
  CHECK(message("fang_krum", context) == "krum needs n >= 2 f + 3, got n = 8, f = 3");
  context.f = 0;
  CHECK(message("fang_krum", context) == "fang_krum needs f >= 1, got f = 0");
}
