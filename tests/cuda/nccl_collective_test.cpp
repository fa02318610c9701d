// SPDX-License-Identifier: MIT
// Every rule over the CUDA steps and the transport over NCCL, on the doubles: on every rank the
// bits of byzccl::cuda::aggregate, by every algorithm.

#include <cuda_runtime_api.h>

#include <atomic>
#include <byzccl/byzccl.hpp>
#include <byzccl/cuda.hpp>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "cuda_on_cpu/nccl.hpp"
#include "cuda_on_cpu/runtime.hpp"
#include "support/catch.hpp"
#include "support/every_rule.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;
using test::NcclRank;
using test::run_nccl;
using test::Way;

#if defined(__SANITIZE_THREAD__)  // a lane is a thread there: few columns, and a rule of each kind
constexpr bool kSmall = true;
#else
constexpr bool kSmall = false;
#endif

struct Case {
  Rule rule;
  std::int64_t d;
  DType dtype;
  std::vector<Bytes> x;
  test::Expected expected;
  std::string name() const { return concat(to_text(rule), " d = ", d, " ", to_text(dtype)); }
};

/// What the one device that has all vectors makes of them.
test::Expected expected_of(const std::vector<Bytes>& x, std::int64_t d, DType dtype,
                           const Rule& rule, std::int64_t step) {
  cuda::Stream stream;
  std::vector<const void*> rows;
  for (const Bytes& row : x) rows.push_back(row.data());
  test::Expected expected{Bytes(static_cast<std::size_t>(d) * size_of(dtype)), {}};
  expected.report =
      cuda::explain(rows, d, dtype, rule, expected.out.data(), stream.get(), {.step = step}).read();
  return expected;
}

Case make_case(int n, const Rule& rule, std::int64_t d, std::int64_t step) {
  const DType dtype = static_cast<DType>(step % 4);
  std::vector<Bytes> x;
  for (int rank = 0; rank < n; ++rank) x.push_back(test::random_vector(rank, d, dtype));
  test::Expected expected = expected_of(x, d, dtype, rule, step);
  return {rule, d, dtype, std::move(x), std::move(expected)};
}

/// All rules; lengths and dtypes take turns. Case k is step k.
std::vector<Case> cases_for(int n) {
  const std::vector<std::int64_t> lengths =
      kSmall ? std::vector<std::int64_t>{7} : std::vector<std::int64_t>{0, 1, n - 1, 700, 4099};
  std::vector<Rule> rules = test::every_rule(n);
  if (kSmall) rules = {Rule::parse("median"), Rule::parse("geometric_median")};
  std::vector<Case> cases;
  std::int64_t step = 0;
  for (const Rule& rule : rules) {
    const std::size_t at = static_cast<std::size_t>(step) % lengths.size();
    cases.push_back(make_case(n, rule, lengths[at], step++));
  }
  return cases;
}

TEST_CASE("all_reduce over NCCL has the bits of cuda::aggregate on every rank") {
  const int n = kSmall ? 2 : GENERATE(1, 2, 3, 5);
  CAPTURE(n);
  const cuda_on_cpu::WorldScope scope;
  cuda_on_cpu::nccl_world().longest_delay = std::chrono::microseconds(20);
  const std::vector<Case> cases = cases_for(n);
  for (const Algorithm algorithm : {Algorithm::kSharded, Algorithm::kRing}) {
    run_nccl(n, [&](NcclRank& rank) {
      Communicator communicator(rank.transport, {.algorithm = algorithm, .chunk_bytes = 4096});
      std::int64_t step = 0;
      for (const Case& c : cases) {
        const std::string name = concat(c.name(), " ", to_text(algorithm));
        Bytes x = c.x[static_cast<std::size_t>(communicator.rank())];
        Pending pending = communicator.all_reduce(x.data(), c.d, c.dtype, c.rule);
        pending.wait();
        cudaStreamSynchronize(nullptr);
        expect(x == c.expected.out, name);
        const Report report = pending.report();
        test::expect_same_report(report, c.expected.report, name);
        expect(report.algorithm == to_text(algorithm) && report.step == step++, name + ": step");
      }
    });
  }
}

TEST_CASE("from an id alone, and split from a communicator: the same bits") {
  const Way way = kSmall ? Way::kId : GENERATE(Way::kId, Way::kSplit);
  const int n = kSmall ? 3 : 8;
  const std::vector<Case> cases = [&] {
    std::vector<Case> some;
    for (const char* text : {"krum(f=0)", "median", "arc+nnm+geometric_median"}) {
      if (kSmall && !some.empty()) break;
      some.push_back(make_case(n, Rule::parse(text), kSmall ? 7 : 3000,
                               static_cast<std::int64_t>(some.size())));
    }
    return some;
  }();
  run_nccl(
      n,
      [&](NcclRank& rank) {
        Communicator communicator(rank.transport);
        for (const Case& c : cases) {
          Bytes x = c.x[static_cast<std::size_t>(communicator.rank())];
          Pending pending = communicator.all_reduce(x.data(), c.d, c.dtype, c.rule);
          test::expect_same_report(pending.report(), c.expected.report, c.name());
          expect(x == c.expected.out, c.name());
        }
      },
      way);
}

TEST_CASE("calls go on while the device works, in the order of the caller's streams") {
  const Algorithm algorithm =
      kSmall ? Algorithm::kRing : GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const int n = 3;
  const std::int64_t d = kSmall ? 7 : 3000;
  const Case krum = make_case(n, Rule::parse("krum(f=0)"), d, 0);
  run_nccl(n, [&](NcclRank& rank) {
    cuda::Stream stream;
    std::vector<Pending> all;
    std::vector<Bytes> x(kSmall ? 2 : 6, Bytes(krum.x[0].size()));
    std::vector<Bytes> got = x;
    {
      Communicator communicator(rank.transport, {.algorithm = algorithm});
      communicator.use_stream(stream.get());
      const Bytes& own = krum.x[static_cast<std::size_t>(communicator.rank())];
      rank.slow.resize(std::size_t{8} << 20);
      for (std::size_t i = 0; i < x.size(); ++i) {
        // The vector comes late on its stream, and its result is copied away there.
        cudaMemsetAsync(rank.slow.data(), 1, rank.slow.size(), stream.get());
        cudaMemcpyAsync(x[i].data(), own.data(), own.size(), cudaMemcpyDeviceToDevice,
                        stream.get());
        all.push_back(communicator.all_reduce(x[i].data(), d, krum.dtype, krum.rule));
        all.back().wait();
        cudaMemcpyAsync(got[i].data(), x[i].data(), x[i].size(), cudaMemcpyDeviceToHost,
                        stream.get());
        cudaMemsetAsync(x[i].data(), 0, x[i].size(), stream.get());
      }
      all[1].report();
      cudaStreamSynchronize(stream.get());
    }
    for (std::size_t i = 0; i < x.size(); ++i) {
      expect(got[i] == krum.expected.out, "another result");
      expect(all[i].done(), "not done");
      // Read late: later calls came, and the communicator is gone.
      test::expect_same_report(all[i].report(), krum.expected.report, "a report that is read late");
    }
  });
}

/// Work of the caller's on `stream` that takes that long, and then says so.
void be_late(cudaStream_t stream, std::chrono::milliseconds time, std::atomic<bool>& over) {
  cuda_on_cpu::enqueue(stream, [time, &over] {
    std::this_thread::sleep_for(time);
    over = true;
  });
}

TEST_CASE("a vector that comes after the timeout, on every rank, is waited for") {
  const std::chrono::milliseconds timeout(kSmall ? 2500 : 400);
  run_nccl(2, [&](NcclRank& rank) {
    cuda::Stream stream;
    std::atomic<bool> over{false};
    Communicator communicator(rank.transport, {.timeout = timeout});
    communicator.use_stream(stream.get());
    Bytes x(400);
    be_late(stream.get(), timeout + timeout / 2, over);
    Pending pending =
        communicator.all_reduce(x.data(), 100, DType::kFloat32, Rule::parse("median"));
    pending.report();
    expect(over, "it did not wait for the vector");
  });
}

TEST_CASE("an exchange that is refused lets go of its vectors before it says so") {
  run_nccl(2, [&](NcclRank& rank) {
    cuda::Stream stream;
    std::atomic<bool> over{false};
    Communicator communicator(rank.transport);
    communicator.use_stream(stream.get());
    Bytes x(400);
    be_late(stream.get(), std::chrono::milliseconds(150), over);
    Exchange exchange = communicator.begin(Rule::parse("geometric_median"));
    exchange.add(x.data(), 100, DType::kFloat32);
    const std::string said = test::message_of<Error>([&] {
      exchange.add(x.data(), 50 + communicator.rank(), DType::kFloat32);
      exchange.finish().wait();
    });
    expect(said.find("50 from rank 0; 51 from rank 1") != std::string::npos, said);
    expect(over, "its first vector was still to be read");
  });
}

TEST_CASE("an exchange in pieces selects once over NCCL, too") {
  const Algorithm algorithm =
      kSmall ? Algorithm::kSharded : GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const int n = 3;
  const std::int64_t d = kSmall ? 9 : 5000;
  const Case whole = make_case(n, Rule::parse("krum(f=0)"), d, 0);
  run_nccl(n, [&](NcclRank& rank) {
    Communicator communicator(rank.transport, {.algorithm = algorithm, .chunk_bytes = 1000});
    Bytes x = whole.x[static_cast<std::size_t>(communicator.rank())];
    Exchange exchange = communicator.begin(whole.rule);
    const std::int64_t first = d / 3;
    exchange.add(x.data(), first, whole.dtype);
    exchange.add(x.data() + static_cast<std::size_t>(first) * size_of(whole.dtype), d - first,
                 whole.dtype);
    const Report report = exchange.finish().report();
    expect(report.weights == whole.expected.report.weights, "another selection");
    expect(x == whole.expected.out, "another result");
  });
}

TEST_CASE("ranks that disagree are told over NCCL, too, and go on") {
  const Way way = GENERATE(Way::kControl, Way::kId);
  run_nccl(
      2,
      [&](NcclRank& rank) {
        Communicator communicator(rank.transport);
        std::vector<float> x(100, 1.0f);
        const std::int64_t d = 99 + communicator.rank();
        const auto call = [&](std::int64_t count) {
          communicator.all_reduce(x.data(), count, DType::kFloat32, Rule::parse("mean")).wait();
        };
        const std::string said = test::message_of<MismatchError>([&] { call(d); });
        expect(said.find("99 from rank 0; 100 from rank 1") != std::string::npos, said);
        call(100);
        cudaStreamSynchronize(nullptr);
      },
      way);
}

}  // namespace
}  // namespace byzccl
