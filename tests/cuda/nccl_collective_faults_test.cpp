// SPDX-License-Identifier: MIT
// Reductions over NCCL with a rank that stops between its header and its payload: all others name
// it in time, and nothing hangs.

#include <cuda_runtime_api.h>

#include <atomic>
#include <byzccl/byzccl.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda_on_cpu/nccl.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/nccl_ranks.hpp"
#include "tests/cuda/support/stopping_transport.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::nccl_world;
using cuda_on_cpu::WorldScope;
using std::chrono::milliseconds;
using test::Bytes;
using test::expect;
using test::kStopPatience;
using test::kStopRule;
using test::kStopTimeout;
using test::NcclRank;
using test::run_nccl;

/// What a rank that has not stopped comes to; it may get some steps done before.
std::optional<TransportError> failure_of(Communicator& communicator, Bytes& x,
                                         const std::string& rule) {
  const auto start = Clock::now();
  try {
    while (Clock::now() - start < kStopPatience) {
      Pending pending =
          communicator.all_reduce(x.data(), std::ssize(x) / 4, DType::kFloat32, Rule::parse(rule));
      pending.wait();
      while (!pending.done()) std::this_thread::sleep_for(milliseconds(2));
    }
  } catch (const TransportError& error) {
    return error;
  }
  return std::nullopt;
}

/// The rank that stops before its batch of that number, until the others have ended.
void stop(NcclRank& rank, const CommunicatorOptions& options, int batch, const std::string& rule,
          const std::function<bool()>& others_ended) {
  Bytes x(4000);
  const auto stopping = std::make_shared<test::StoppingTransport>(rank.transport, batch);
  Communicator communicator(stopping, options);
  const std::jthread release([&] {
    while (!others_ended()) std::this_thread::sleep_for(milliseconds(5));
    stopping->released = true;
  });
  const auto error = failure_of(communicator, x, rule);
  expect(stopping->stopped && error.has_value(), "it went on");
}

TEST_CASE("a rank that stops between header and payload is named by all others") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const int batches = GENERATE(0, 4);  // in the first contact, and once ranks are connected
  CAPTURE(to_text(algorithm), batches);
  constexpr int kSize = 3;
  constexpr int kStops = 1;
  std::atomic<int> done{0};
  run_nccl(
      kSize,
      [&](NcclRank& rank) {
        const int self = rank.transport->rank();
        Bytes x(4000);
        const CommunicatorOptions options{.algorithm = algorithm, .timeout = kStopTimeout};
        if (self == kStops) {
          return stop(rank, options, batches, kStopRule, [&] { return done == kSize - 1; });
        }
        Communicator communicator(rank.transport, options);
        const auto start = Clock::now();
        const auto error = failure_of(communicator, x, kStopRule);
        const auto took = Clock::now() - start;
        ++done;
        expect(error.has_value(), "no error");
        expect(error->suspects() == std::vector<int>{kStops}, error->what());
        expect(took < kStopPatience, "too late");
        const std::string again = test::message_of<TransportError>([&] {
          communicator.all_reduce(x.data(), 10, DType::kFloat32, Rule::parse("mean")).wait();
        });
        expect(again == error->what(), "another error the second time: " + again);
      },
      test::Way::kControl, kStopTimeout);
}

TEST_CASE("a rank that gives up between header and payload is named, whatever NCCL says") {
  const Algorithm algorithm = GENERATE(Algorithm::kSharded, Algorithm::kRing);
  const WorldScope scope;
  nccl_world().tells_peers = GENERATE(false, true);
  CAPTURE(to_text(algorithm), nccl_world().tells_peers);
  run_nccl(
      3,
      [&](NcclRank& rank) {
        Bytes x(4000);
        Communicator communicator(rank.transport,
                                  {.algorithm = algorithm, .timeout = kStopTimeout});
        if (rank.transport->rank() == 2) {
          communicator.all_reduce(x.data(), 1000, DType::kFloat32, Rule::parse(kStopRule)).report();
          return communicator.abort("it has had enough");
        }
        const auto error = failure_of(communicator, x, kStopRule);
        expect(error.has_value(), "no error");
        expect(error->suspects() == std::vector<int>{2}, error->what());
      },
      test::Way::kControl, kStopTimeout);
}

TEST_CASE("a rank that fails before its first payload is named long before the timeout") {
  constexpr milliseconds kLong{60'000};
  run_nccl(
      3,
      [&](NcclRank& rank) {
        Bytes x(4000);
        const int self = rank.transport->rank();
        const auto failing =
            std::make_shared<test::StoppingTransport>(rank.transport, self == 0 ? 0 : -1);
        failing->fails = true;
        Communicator communicator(failing, {.timeout = kLong});
        const auto start = Clock::now();
        std::string said;
        std::vector<int> suspects;
        try {
          communicator.all_reduce(x.data(), 1000, DType::kFloat32, Rule::parse(kStopRule)).report();
        } catch (const TransportError& error) {
          said = error.what();
          suspects = error.suspects();
        } catch (const std::exception& error) {
          said = error.what();
        }
        expect(said.find("out of memory") != std::string::npos, said);
        if (self != 0) expect(suspects == std::vector<int>{0}, said);
        expect(Clock::now() - start < kLong / 2, "too late");
      },
      test::Way::kControl, kLong);
}

TEST_CASE("a report of a step that failed on the device raises") {
  std::atomic<int> done{0};
  run_nccl(
      2,
      [&](NcclRank& rank) {
        Bytes x(4000);
        if (rank.transport->rank() == 1) {
          // Batches over `sharded`: shards, sums, result. The last one of the second step is
          // missing.
          return stop(rank, {.timeout = kStopTimeout}, 3 + 2, kStopRule, [&] { return done == 1; });
        }
        Communicator communicator(rank.transport, {.timeout = kStopTimeout});
        const auto call = [&] {
          return communicator.all_reduce(x.data(), 1000, DType::kFloat32, Rule::parse(kStopRule));
        };
        call().report();
        Pending second = call();
        second.wait();  // all of it is enqueued
        const std::string said = test::message_of<TransportError>([&] { second.report(); });
        ++done;
        expect(said.find("rank 1") != std::string::npos, said);
      },
      test::Way::kControl, kStopTimeout);
}

TEST_CASE("ranks that know only the id end as well, and name nobody") {
  std::atomic<int> done{0};
  run_nccl(
      3,
      [&](NcclRank& rank) {
        Bytes x(4000);
        if (rank.transport->rank() == 2) {
          return stop(rank, {.timeout = kStopTimeout}, 4, kStopRule, [&] { return done == 2; });
        }
        Communicator communicator(rank.transport, {.timeout = kStopTimeout});
        const auto error = failure_of(communicator, x, kStopRule);
        ++done;
        expect(error.has_value(), "no error");
        expect(error->suspects().empty(), error->what());
      },
      test::Way::kId, kStopTimeout);
}

}  // namespace
}  // namespace byzccl
