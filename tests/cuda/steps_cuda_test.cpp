// SPDX-License-Identifier: MIT
// The steps on a stream against the steps of the CPU: the same columns and sums bit for bit, the
// same decisions from the same D.

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tests/cuda/support/two_sides.hpp"

namespace byzccl {
namespace {

using test::Case;
using test::DeviceSide;
using test::HostSide;
using test::Row;

bool same_values(const Row& a, const Row& b, std::int64_t d) {
  for (std::int64_t i = 0; i < d; ++i) {
    if (a.at(i) != b.at(i) && !(std::isnan(a.at(i)) && std::isnan(b.at(i)))) return false;
  }
  return true;
}

double far_apart(double a, double b) {
  if (a == b) return 0;
  if (!std::isfinite(a) || !std::isfinite(b)) return std::numeric_limits<double>::infinity();
  return std::fabs(a - b) / std::max(std::fabs(a), std::fabs(b));
}

/// Now and then what is not finite, or as large as a float32 can be.
double awkward(test::Random& random) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  constexpr double kRare[] = {kLargest, -kLargest, std::numeric_limits<double>::infinity()};
  switch (random.below(12)) {
    case 0:
      return std::nan("");
    case 1:
      return kRare[random.below(3)];
    case 2:
    case 3:
    case 4:
      return random.below(5) - 2;
    default:
      return random.uniform();
  }
}

/// Runs a rule on both sides; the device decides from the CPU's D, so that both combine alike.
void compare(const std::string& text, int n, std::int64_t d, DType dtype, bool bad,
             std::size_t offset = 0) {
  CAPTURE(text, n, d, to_text(dtype), bad, offset);
  test::Random random(static_cast<std::uint64_t>(n) * 1000 + static_cast<std::uint64_t>(d));
  Case c{byzccl::plan(Rule::parse(text), n, dtype),
         test::make_stack(
             n, d, dtype,
             [&](int i, std::int64_t) {
               return bad && i % 3 == 0 ? awkward(random) : random.uniform();
             },
             offset * size_of(dtype)),
         d, dtype};
  c.plan.own = 0;
  if (c.plan.needs_previous && !bad) {
    c.previous = std::move(test::random_stack(1, d, dtype, 5)[0]);
  }
  HostSide host(c);
  DeviceSide device(c);
  test::Side& cpu = host.side;
  test::Side& gpu = device.side;
  const std::vector<double> D = distances(cpu, c.plan);
  const std::vector<double> device_D = distances(gpu, c.plan);
  double worst = 0;
  for (std::size_t i = 0; i < D.size(); ++i) worst = std::max(worst, far_apart(D[i], device_D[i]));
  CHECK(worst < (dtype == DType::kFloat64 ? 1e-12 : 1e-5));
  if (c.plan.rows > 0) {
    // Scales come from norms, whose last bits differ from kind to kind.
    if (c.plan.needs_norms) {
      test::write(gpu.decision.scales, cpu.decision.scales, c.plan.n * sizeof(double),
                  device.stream.get());
    }
    cpu.steps->select(c.plan, D.data(), cpu.decision);
    device.select(c.plan, D);
    CHECK(cpu.decided(c.plan) == gpu.decided(c.plan));
  }
  Row want(d, dtype), got(d, dtype, offset * size_of(dtype));
  cpu.steps->combine(c.plan, cpu.decision, cpu.rows, want.data());
  device.combine(c.plan, got);
  CHECK(cpu.decided(c.plan) == gpu.decided(c.plan));
  CHECK(same_values(want, got, d));
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
const std::vector<std::string> kRules = {"krum(f=1)", "bulyan(f=1)", "clip(tau=1)+median(f=1)",
                                         "bucketing(s=2)+centered_clipping(tau=2)"};
const std::vector<DType> kTypes = {DType::kFloat32, DType::kFloat16};
#else
const std::vector<std::string> kRules = {"mean",
                                         "krum(f=1)",
                                         "multi_krum(f=1)",
                                         "mda(f=1)",
                                         "bulyan(f=1)",
                                         "multi_bulyan(f=1)",
                                         "cge(f=1)",
                                         "geometric_median",
                                         "guarded_mean(f=1)",
                                         "faba(f=1)",
                                         "centered_clipping(tau=2)",
                                         "bucketing(s=2)+centered_clipping(tau=2)",
                                         "clip(tau=1)+centered_clipping(tau=2)",
                                         "median(f=1)",
                                         "trimmed_mean(f=1)",
                                         "meamed(f=1)",
                                         "phocas(f=1)",
                                         "nnm(f=1)+median(f=1)",
                                         "nnm(f=3)+median(f=3)",
                                         "arc(f=3)+trimmed_mean(f=3)",
                                         "bucketing(s=2)+krum(f=0)",
                                         "bucketing(s=2)+trimmed_mean(f=1)",
                                         "clip(tau=1)+cge(f=1)",
                                         "arc(f=1)+nnm(f=1)+krum(f=1)",
                                         "bucketing(s=2)+clip(tau=0.5)+median(f=1)"};
const std::vector<DType> kTypes(std::begin(test::kEveryDType), std::end(test::kEveryDType));
#endif

TEST_CASE("every kind of plan has the CPU's outcome") {
  for (const std::string& rule : kRules) {
    for (const DType dtype : kTypes) {
      compare(rule, 9, 1030, dtype, false);
      compare(rule, 9, 261, dtype, true, 1);
    }
  }
}

#if !defined(__SANITIZE_THREAD__)  // a lane is a thread there, and these would not show races

TEST_CASE("one column has the CPU's outcome") {
  for (const std::string& rule : kRules) {
    compare(rule, 9, 1, DType::kFloat32, false);
    compare(rule, 9, 1, DType::kFloat32, true);
  }
}

TEST_CASE("one row, formed or as it was sent, may be all that a matrix gives") {
  for (const DType dtype : kTypes) {
    compare("bucketing(s=9)+median", 9, 40, dtype, false);
    compare("clip(tau=1000)+median", 1, 40, dtype, false);
  }
}

TEST_CASE("a row that is scaled by 0 is there, and zeros") {
  test::Random random(3);
  const Case c{byzccl::plan(Rule::parse("arc(f=3)+krum(f=2)"), 9, DType::kFloat32),
               test::make_stack(9, 40, DType::kFloat32,
                                [&](int i, std::int64_t) { return i < 6 ? 0 : random.uniform(); }),
               40, DType::kFloat32};
  DeviceSide device(c);
  for (const double distance : distances(device.side, c.plan)) CHECK(distance == 0);
}

TEST_CASE("zeros may be all that has weight, and need not have all of it") {
  for (const DType dtype : kTypes) {
    const Case c{byzccl::plan(Rule::parse("centered_clipping(tau=2)"), 5, dtype),
                 test::random_stack(5, 40, dtype), 40, dtype};
    DeviceSide device(c);
    rules::Outcome outcome;  // as where the weights of the vectors are too small for a float64
    outcome.rows = 1;
    outcome.previous_weight = 0.75;
    test::write(device.side.decision.outcome, &outcome, sizeof outcome, device.stream.get());
    Row out(40, dtype);
    for (std::int64_t i = 0; i < 40; ++i) out.set(i, 1);
    device.combine(c.plan, out);
    for (std::int64_t i = 0; i < 40; ++i) CHECK(out.at(i) == 0);
  }
}

TEST_CASE("the most vectors there may be are formed, and sorted, within their tables") {
  compare("clip(tau=1)+mean", 256, 5, DType::kFloat32, false);
  compare("clip(tau=1)+median", 256, 5, DType::kFloat32, false);
  compare("clip(tau=1)+krum(f=1)", 256, 5, DType::kFloat32, false);
}

#endif

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

TEST_CASE("columns have the CPU's bits for every n") {
  for (int n = 1; n <= 70; ++n) {
    const std::string f = "(f=" + std::to_string((n - 1) / 3) + ")";
    for (const char* rule : {"median", "trimmed_mean", "meamed", "phocas"}) {
      for (const DType dtype : test::kEveryDType) compare(rule + f, n, 67, dtype, true, 1);
    }
    for (const std::int64_t d : {0, 1, n - 1}) {
      for (const DType dtype : test::kEveryDType) compare("median" + f, n, d, dtype, true, 3);
    }
  }
  for (const int n : {4, 16, 17, 33, 65, 128}) {
    for (const std::int64_t d : {255, 256, 257, 1023, 1024, 1025, 2055}) {
      for (const DType dtype : test::kEveryDType) compare("meamed(f=1)", n, d, dtype, true);
    }
  }
  for (const int n : {96, 129, 256}) {
    for (const DType dtype : test::kEveryDType) {
      compare("meamed(f=20)", n, 37, dtype, true);
      compare("meamed(f=5)", n, 37, dtype, true);  // NaN in most columns, each counted once
    }
  }
  for (const int n : {8, 20, 40, 64}) {
    for (const DType dtype : test::kEveryDType) {
      compare("trimmed_mean(f=2)", n, 1029, dtype, true);
      compare("phocas(f=3)", n, 13, dtype, true);
    }
  }
}

TEST_CASE("sums have the CPU's bits for many rows") {
  for (const int n : {20, 33, 65, 256}) {
    compare("multi_krum(f=3)", n, 517, DType::kBFloat16, false);
    compare("geometric_median(f=3)", n, 130, DType::kFloat32, false, 1);
  }
}

TEST_CASE("a rule that fails closed gives NaN everywhere") {
  const std::int64_t d = 300;
  for (const char* rule : {"krum(f=1)", "bulyan(f=1)"}) {
    Case c{byzccl::plan(Rule::parse(rule), 7, DType::kFloat32),
           test::make_stack(7, d, DType::kFloat32,
                            [](int i, std::int64_t) { return i < 2 ? std::nan("") : i; }),
           d, DType::kFloat32};
    DeviceSide device(c);
    device.select(c.plan, distances(device.side, c.plan));
    Row out(d, DType::kFloat32);
    device.combine(c.plan, out);
    for (std::int64_t i = 0; i < d; ++i) CHECK(std::isnan(out.at(i)));
    std::int64_t nan_columns = 0;
    device.side.steps->read(&nan_columns, &device.side.decision.outcome->nan_columns,
                            sizeof nan_columns);
    CHECK(nan_columns == 0);
  }
}

TEST_CASE("the output may be one of the vectors") {
  for (const char* rule :
       {"krum(f=1)", "mean", "median(f=1)", "bulyan(f=1)", "multi_bulyan(f=1)"}) {
    Case c{byzccl::plan(Rule::parse(rule), 9, DType::kFloat32),
           test::random_stack(9, 3001, DType::kFloat32), 3001, DType::kFloat32};
    DeviceSide device(c);
    test::Side& gpu = device.side;
    if (c.plan.rows > 0) device.select(c.plan, distances(gpu, c.plan));
    Row apart(c.d, c.dtype), in_place(c.d, c.dtype);
    device.combine(c.plan, apart);
    gpu.steps->combine(c.plan, gpu.decision, gpu.rows, device.rows[4].data());
    device.rows[4].download(in_place);
    CAPTURE(rule);
    CHECK(apart.same_bits(in_place));
  }
}

#endif

}  // namespace
}  // namespace byzccl
