// SPDX-License-Identifier: MIT
#include "support/trial.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "support/wake_ups.hpp"

namespace byzccl::test {

Plans only_culprit(FaultPlan plan) {
  return [plan](int rank) { return rank == kCulprit ? plan : FaultPlan{}; };
}

namespace {

std::vector<Fate> try_once(const Trial& trial, std::chrono::milliseconds timeout) {
  auto ends = local_transports(kRanks);
  std::vector<Fate> fates(kRanks);
  const auto stops = [&](int rank) {
    return rank == kCulprit || trial.plan_of(rank).kind == FaultPlan::Kind::kFreeze;
  };
  std::atomic<int> waiting{0};
  for (int rank = 0; rank < kRanks; ++rank) waiting += stops(rank) ? 0 : 1;
  run(kRanks, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    const auto transport =
        std::make_shared<FaultyTransport>(std::move(ends[index]), trial.plan_of(rank));
    Communicator communicator(
        transport, {.algorithm = trial.algorithm, .timeout = timeout, .chunk_bytes = 1024});
    Fate& fate = fates[index];
    fate.timeout = timeout;
    const auto start = Clock::now();
    std::optional<Pending> pending;
    Bytes x = random_vector(rank, kColumns, DType::kFloat32);
    if (rank != kCulprit || trial.culprit_calls) {
      for (int i = 0; i < trial.reductions; ++i) {
        pending =
            communicator.all_reduce(x.data(), kColumns, DType::kFloat32, Rule::parse(trial.rule));
      }
    }
    if (stops(rank)) {
      while (waiting > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      transport->release();
    }
    if (!pending) return;
    try {
      pending->wait();
      fate.finished = true;
    } catch (const TransportError& error) {
      fate.message = error.what();
      fate.suspects = error.suspects();
    } catch (const std::exception& error) {
      fate.message = std::string("another kind of error: ") + error.what();
    }
    fate.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
    if (!stops(rank)) --waiting;
  });
  return fates;
}

}  // namespace

std::vector<Fate> try_out(const Trial& trial) {
  for (auto timeout = kTimeout;; timeout *= 2) {
    WakeUps wake_ups;
    std::vector<Fate> fates = try_once(trial, timeout);
    if (wake_ups.suffice(timeout, kTimeout) || timeout >= kLongestTimeout) return fates;
  }
}

}  // namespace byzccl::test
