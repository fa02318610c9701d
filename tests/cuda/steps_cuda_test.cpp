// SPDX-License-Identifier: MIT
// The steps on a stream against the steps of the CPU: the same columns and sums bit for bit, the
// same decisions from the same D.

#include <byzccl/rules/grid.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "support/catch.hpp"
#include "support/stack.hpp"

namespace byzccl {
namespace {

using test::Row;

/// One device: its steps, and a decision that they fill.
struct Side {
  std::unique_ptr<Steps> steps;
  std::shared_ptr<void> memory;
  rules::Decision decision;

  Side(std::unique_ptr<Steps> given, const Plan& plan) : steps(std::move(given)) {
    memory = steps->allocate(rules::decision_bytes(plan));
    steps->clear(memory.get(), rules::decision_bytes(plan));
    decision = rules::decision_at(plan, memory.get());
  }
  std::vector<std::byte> decided(const Plan& plan) {
    std::vector<std::byte> bytes(rules::decision_bytes(plan));
    steps->read(bytes.data(), memory.get(), bytes.size());
    return bytes;
  }
};

struct Case {
  Plan plan;
  std::vector<Row> rows;
  std::int64_t d;
  DType dtype;

  Rows view() const { return {x, d, dtype, previous}; }
  std::vector<const void*> x = test::pointers(rows);
  const void* previous = nullptr;
};

/// D by the steps of a side, through norms and scales where the plan needs them.
std::vector<double> distances(Side& side, const Case& c) {
  const Plan& plan = c.plan;
  Steps& steps = *side.steps;
  const std::int64_t tile = rules::grid(c.d, plan.ranks).tile;
  const std::size_t n = static_cast<std::size_t>(plan.n);
  const auto norms = steps.allocate(2 * n * sizeof(double));
  double* const sums = static_cast<double*>(norms.get());
  if (plan.needs_norms) {
    steps.clear(sums + n, n * sizeof(double));
    steps.norms(plan, c.view(), tile, sums);
    steps.add_shards(sums, 1, n, sums + n);
    steps.scale(plan, sums + n, side.decision);
  }
  if (!plan.needs_distances) return {};
  const std::size_t pairs = static_cast<std::size_t>(rules::pair_count(plan.lines));
  const auto pair_memory = steps.allocate((pairs + 1) * sizeof(double));
  const auto D = steps.allocate(plan.lines * n * sizeof(double));
  steps.pairwise_distances(plan, side.decision, c.view(), tile,
                           static_cast<double*>(pair_memory.get()));
  steps.spread(static_cast<const double*>(pair_memory.get()), plan.lines, plan.n,
               static_cast<double*>(D.get()));
  std::vector<double> host(plan.lines * n);
  steps.read(host.data(), D.get(), host.size() * sizeof(double));
  return host;
}

/// The host's D, on the device.
std::shared_ptr<void> upload(Steps& steps, const std::vector<double>& D) {
  auto memory = steps.allocate(D.size() * sizeof(double) + 1);
  if (D.empty()) return memory;
  std::memcpy(memory.get(), D.data(), D.size() * sizeof(double));  // the double's memory is ours
  return memory;
}

bool same_values(const Row& a, const Row& b, std::int64_t d) {
  for (std::int64_t i = 0; i < d; ++i) {
    if (a.at(i) != b.at(i) && !(std::isnan(a.at(i)) && std::isnan(b.at(i)))) return false;
  }
  return true;
}

double far_apart(double a, double b) {
  if (a == b) return 0;
  return std::fabs(a - b) / std::max(std::fabs(a), std::fabs(b));
}

double awkward(test::Random& random) {
  switch (random.below(12)) {
    case 0:
      return std::nan("");
    case 1:
      return random.below(2) == 0 ? std::numeric_limits<double>::infinity() : -3e38;
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
  const Row previous = std::move(test::random_stack(1, d, dtype, 5)[0]);
  if (c.plan.needs_previous && !bad) c.previous = previous.data();
  cuda::Stream stream;
  Side cpu(make_cpu_steps(), c.plan);
  Side gpu(cuda::make_steps(stream.get()), c.plan);
  const std::vector<double> D = distances(cpu, c);
  const std::vector<double> device_D = distances(gpu, c);
  double worst = 0;
  for (std::size_t i = 0; i < D.size(); ++i) worst = std::max(worst, far_apart(D[i], device_D[i]));
  CHECK(worst < (dtype == DType::kFloat64 ? 1e-12 : 1e-5));
  if (c.plan.rows > 0) {
    // Scales come from norms, whose last bits differ from kind to kind.
    if (c.plan.needs_norms) {
      gpu.decided(c.plan);  // waits: scales may still be on their way
      std::memcpy(gpu.decision.scales, cpu.decision.scales, c.plan.n * sizeof(double));
    }
    cpu.steps->select(c.plan, D.data(), cpu.decision);
    const auto same_D = upload(*gpu.steps, D);
    gpu.steps->select(c.plan, static_cast<const double*>(same_D.get()), gpu.decision);
    CHECK(cpu.decided(c.plan) == gpu.decided(c.plan));
  }
  Row want(d, dtype), got(d, dtype, offset * size_of(dtype));
  cpu.steps->combine(c.plan, cpu.decision, c.view(), want.data());
  gpu.steps->combine(c.plan, gpu.decision, c.view(), got.data());
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
    compare(rule, 9, 1, DType::kFloat32, false);
  }
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)

TEST_CASE("columns have the CPU's bits for every n") {
  for (int n = 1; n <= 70; ++n) {
    const std::string f = "(f=" + std::to_string((n - 1) / 3) + ")";
    for (const char* rule : {"median", "trimmed_mean", "meamed", "phocas"}) {
      compare(rule + f, n, 67, DType::kFloat32, true, 1);
    }
  }
  for (const int n : {96, 129, 256}) {
    for (const DType dtype : test::kEveryDType) {
      compare("meamed(f=20)", n, 37, dtype, true);
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
    cuda::Stream stream;
    Side gpu(cuda::make_steps(stream.get()), c.plan);
    const auto D = upload(*gpu.steps, distances(gpu, c));
    gpu.steps->select(c.plan, static_cast<const double*>(D.get()), gpu.decision);
    Row out(d, DType::kFloat32);
    gpu.steps->combine(c.plan, gpu.decision, c.view(), out.data());
    gpu.decided(c.plan);
    for (std::int64_t i = 0; i < d; ++i) CHECK(std::isnan(out.at(i)));
    CHECK(gpu.decision.outcome->nan_columns == 0);
  }
}

TEST_CASE("the output may be one of the vectors") {
  for (const char* rule :
       {"krum(f=1)", "mean", "median(f=1)", "bulyan(f=1)", "multi_bulyan(f=1)"}) {
    Case c{byzccl::plan(Rule::parse(rule), 9, DType::kFloat32),
           test::random_stack(9, 3001, DType::kFloat32), 3001, DType::kFloat32};
    cuda::Stream stream;
    Side gpu(cuda::make_steps(stream.get()), c.plan);
    if (c.plan.rows > 0) {
      const auto D = upload(*gpu.steps, distances(gpu, c));
      gpu.steps->select(c.plan, static_cast<const double*>(D.get()), gpu.decision);
    }
    Row apart(c.d, c.dtype);
    gpu.steps->combine(c.plan, gpu.decision, c.view(), apart.data());
    gpu.steps->combine(c.plan, gpu.decision, c.view(), c.rows[4].data());
    gpu.decided(c.plan);
    CAPTURE(rule);
    CHECK(apart.same_bits(c.rows[4]));
  }
}

#endif

}  // namespace
}  // namespace byzccl
