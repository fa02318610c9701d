// SPDX-License-Identifier: MIT
// aggregate on device pointers and a stream against aggregate on the CPU.

#include <byzccl/cuda.hpp>
#include <byzccl/error.hpp>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "support/catch.hpp"
#include "support/every_rule.hpp"
#include "support/exact_multi_bulyan.hpp"
#include "support/stack.hpp"
#include "tests/cuda/support/device_rows.hpp"
#include "tests/cuda/support/gate.hpp"

namespace byzccl {
namespace {

using test::Row;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr std::int64_t kLargest = 1300;
#else
constexpr std::int64_t kLargest = 12'300;
#endif

/// Vectors on the device, on a stream of their own.
struct Uploaded {
  explicit Uploaded(const std::vector<Row>& host) : rows(host, stream_.get()) {}

  void download(const void* from, Row& to) const {
    test::read(to.data(), from, to.bytes(), stream());
  }
  cudaStream_t stream() const { return stream_.get(); }
  const std::vector<const void*>& x() const { return rows.x(); }

 private:
  cuda::Stream stream_;
  test::DeviceRows rows;
};

/// Vectors around a common one, the last two far away.
std::vector<Row> attacked(int n, std::int64_t d, DType dtype) {
  test::Random random(21);
  return test::make_stack(n, d, dtype, [&](int i, std::int64_t) {
    return random.uniform() + (i + 2 < n ? 0 : 30 * i);
  });
}

TEST_CASE("aggregate on a stream selects and combines as the CPU does") {
  const std::vector<std::string> rules = {"krum(f=2)",
                                          "bulyan(f=2)",
                                          "multi_bulyan(f=2)",
                                          "cge(f=2)",
                                          "median(f=2)",
                                          "mean",
                                          "clip(tau=3)+nnm(f=2)+krum(f=2)",
                                          "bucketing(s=2)+median(f=1)",
                                          "bucketing(s=2)+mean"};
  const int n = 11;
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    for (const std::int64_t d : {std::int64_t{0}, std::int64_t{1}, kLargest}) {
      const auto rows = attacked(n, d, dtype);
      const Uploaded device(rows);
      for (const std::string& text : rules) {
        CAPTURE(text, d, to_text(dtype));
        const Rule rule = Rule::parse(text);
        Row want(d, dtype), got(d, dtype);
        const Report cpu = explain(test::pointers(rows), d, dtype, rule, want.data(), {.step = 3});
        const auto out = cuda::allocate(want.bytes(), device.stream());
        const cuda::Explained explained =
            cuda::explain(device.x(), d, dtype, rule, out.get(), device.stream(), {.step = 3});
        const Report gpu = explained.read();
        device.download(out.get(), got);
        CHECK(gpu.rule == cpu.rule);
        CHECK(gpu.d == d);
        CHECK(gpu.failed == cpu.failed);
        CHECK(gpu.broken == cpu.broken);
        CHECK(gpu.nan_columns == cpu.nan_columns);
        CHECK(gpu.distances.size() == cpu.distances.size());
        if (d <= 1) continue;  // margins of a column or none are what they are
        REQUIRE(gpu.weights.size() == cpu.weights.size());
        for (std::size_t i = 0; i < cpu.weights.size(); ++i) {
          CHECK(std::fabs(gpu.weights[i] - cpu.weights[i]) < 1e-5);
        }
        double worst = 0;
        for (std::int64_t i = 0; i < d; ++i) {
          worst = std::max(worst, std::fabs(got.at(i) - want.at(i)));
        }
        // Scales come from norms, whose last bits differ.
        CHECK(worst <= (rule.scaling ? 1e-2 : 0.0));
      }
    }
  }
}

/// What the device makes of the rows against what the CPU makes of them, selections and values.
void check_as_cpu(const std::vector<Row>& rows, std::int64_t d, DType dtype, const Rule& rule) {
  const Uploaded device(rows);
  const int own = static_cast<int>(rows.size()) - 3;
  Row want(d, dtype), got(d, dtype);
  const Report cpu = explain(test::pointers(rows), d, dtype, rule, want.data(), {.own = own});
  const auto out = cuda::allocate(want.bytes(), device.stream());
  const Report gpu =
      cuda::explain(device.x(), d, dtype, rule, out.get(), device.stream(), {.own = own}).read();
  device.download(out.get(), got);
  CHECK(gpu.failed == cpu.failed);
  REQUIRE(gpu.weights.size() == cpu.weights.size());
  for (std::size_t i = 0; i < cpu.weights.size(); ++i) {
    CHECK(std::fabs(gpu.weights[i] - cpu.weights[i]) < 1e-5);
  }
  double worst = 0;
  for (std::int64_t i = 0; i < d; ++i) {
    const double apart = std::fabs(got.at(i) - want.at(i));
    worst = std::max(worst, apart / std::max(1.0, std::fabs(want.at(i))));
  }
  CHECK(worst <= 1e-2);  // an element of bfloat16, where weights differ in their last bits
}

TEST_CASE("every rule decides on a device as on the CPU") {
  const int n = 11;
  const std::int64_t d = 700;
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const auto rows = attacked(n, d, dtype);
    std::vector<Rule> rules = test::every_rule(n);
    rules.push_back(Rule::parse("monna(f=2)"));  // of one rank's own view: no collective has it
    for (const Rule& rule : rules) {
      CAPTURE(to_text(rule), to_text(dtype));
      check_as_cpu(rows, d, dtype, rule);
    }
  }
}

TEST_CASE("columns of rows that are formed, in 16 bits, for every size of the network") {
  const std::int64_t d = 150;
  for (const DType dtype : {DType::kFloat16, DType::kBFloat16}) {
    for (const int n : {3, 7, 12, 20, 30, 40, 60, 70}) {
      for (const char* text :
           {"nnm(f=1)+median", "nnm(f=1)+trimmed_mean(f=1)", "nnm(f=1)+phocas(f=1)"}) {
        CAPTURE(text, n, to_text(dtype));
        check_as_cpu(attacked(n, d, dtype), d, dtype, Rule::parse(text));
      }
    }
  }
}

TEST_CASE("ties of multi_bulyan fall as in fractions") {
  test::Random random(2);
  for (int round = 0; round < 60; ++round) {
    const int f = 1 + round % 3;
    const int n = 4 * f + 3 + random.below(4);
    const std::int64_t d = 6;
    const test::Integers x = test::few_integers(n, static_cast<int>(d), random);
    const std::vector<double> want = test::exact_multi_bulyan(x, f);
    const Rule rule = Rule::parse("multi_bulyan(f=" + std::to_string(f) + ")");
    for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
      CAPTURE(round, n, f, to_text(dtype));
      const auto rows = test::stack_of(x, dtype);
      const Uploaded device(rows);
      Row cpu(d, dtype), gpu(d, dtype);
      aggregate(test::pointers(rows), d, dtype, rule, cpu.data());
      const auto out = cuda::allocate(gpu.bytes(), device.stream());
      cuda::aggregate(device.x(), d, dtype, rule, out.get(), device.stream());
      device.download(out.get(), gpu);
      CHECK(test::wrong_columns(gpu, want, dtype) == 0);
      CHECK(gpu.same_bits(cpu));
    }
  }
}

TEST_CASE("aggregate waits for nothing, whatever the rule reads") {
  const std::int64_t d = 700;
  const auto rows = attacked(9, d, DType::kFloat32);
  const Uploaded device(rows);
  const auto out = cuda::allocate(d * sizeof(float), device.stream());
  const std::span vectors = std::span(device.x()).first(8);
  for (const char* text : {"krum(f=1)", "clip(tau=3)+nnm(f=1)+bulyan(f=1)", "median",
                           "bucketing(s=2)+mean", "centered_clipping(tau=3)"}) {
    CAPTURE(text);
    const auto call = [&] {
      cuda::aggregate(vectors, d, DType::kFloat32, Rule::parse(text), out.get(), device.stream(),
                      {.previous = device.x()[8]});
    };
    call();  // the kernels are loaded
    test::wait_for(device.stream());
    test::Gate gate(device.stream());
    call();
    CHECK(gate.open());
    test::wait_for(device.stream());
  }
}

TEST_CASE("aggregate on a stream returns before its work is done, and works in place") {
  const std::int64_t d = 5000;
  const auto rows = attacked(9, d, DType::kFloat32);
  const Uploaded device(rows);
  Row want(d, DType::kFloat32), got(d, DType::kFloat32);
  aggregate(test::pointers(rows), d, DType::kFloat32, Rule::parse("krum(f=2)"), want.data());
  cuda::aggregate(device.x(), d, DType::kFloat32, Rule::parse("krum(f=2)"),
                  const_cast<void*>(device.x()[3]), device.stream());
  device.download(device.x()[3], got);
  CHECK(got.same_bits(want));
}

TEST_CASE("a previous output is read on the device, and is zeros where it is not finite") {
  const std::int64_t d = 5000;
  const std::size_t n = 9;
  const Rule rule = Rule::parse("centered_clipping(tau=3)");
  for (const bool finite : {true, false}) {
    CAPTURE(finite);
    auto rows = attacked(n, d, DType::kFloat32);
    Row& previous = rows.emplace_back(d, DType::kFloat32);
    for (std::int64_t i = 0; i < d; ++i) previous.set(i, 0.25);
    if (!finite) previous.set(d - 1, std::nan(""));
    const Uploaded device(rows);
    const auto host = test::pointers(rows);
    Row want(d, DType::kFloat32), got(d, DType::kFloat32);
    const Report cpu = explain(std::span(host).first(n), d, DType::kFloat32, rule, want.data(),
                               {.previous = host[n]});
    const auto out = cuda::allocate(want.bytes(), device.stream());
    const Report gpu = cuda::explain(std::span(device.x()).first(n), d, DType::kFloat32, rule,
                                     out.get(), device.stream(), {.previous = device.x()[n]})
                           .read();
    device.download(out.get(), got);
    CHECK(std::fabs(gpu.previous_weight - cpu.previous_weight) < 1e-5);
    double worst = 0;
    for (std::int64_t i = 0; i < d; ++i) {
      worst = std::max(worst, std::fabs(got.at(i) - want.at(i)));
    }
    CHECK(worst < 1e-5);
  }
}

TEST_CASE("mistakes are told before anything is enqueued") {
  const auto rows = attacked(5, 8, DType::kFloat32);
  const Uploaded device(rows);
  const Rule mean = Rule::parse("mean");
  auto x = device.x();
  const auto out = cuda::allocate(64, device.stream());
  const auto call = [&](const Rule& rule, std::int64_t d, void* to) {
    cuda::aggregate(x, d, DType::kFloat32, rule, to, device.stream());
  };
  CHECK_THROWS_AS(call(Rule::parse("krum(f=2)"), 8, out.get()), InvalidArgument);
  CHECK_THROWS_AS(call(Rule::parse("monna(f=1)"), 8, out.get()), InvalidArgument);
  CHECK_THROWS_AS(call(mean, -1, out.get()), InvalidArgument);
  CHECK_THROWS_AS(call(mean, 8, nullptr), InvalidArgument);
  x[2] = static_cast<const std::byte*>(x[2]) + 2;
  CHECK_THROWS_AS(call(mean, 7, out.get()), InvalidArgument);
  x[2] = nullptr;
  CHECK_THROWS_AS(call(mean, 8, out.get()), InvalidArgument);
}

}  // namespace
}  // namespace byzccl
