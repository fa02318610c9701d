// SPDX-License-Identifier: MIT
// Selectors by several threads that share the loops, as a CUDA block does: same bits as one thread.
// Under the thread sanitizer a missing barrier in a selector is a report.

#include <barrier>
#include <cstring>
#include <random>
#include <thread>

#include "support/catch.hpp"
#include "support/decided.hpp"
#include "support/selector_rules.hpp"

namespace byzccl::test {
namespace {

/// One of `size` threads that do what the threads of rules::Block do.
struct Crew {
  int rank;
  int size;
  std::barrier<>* meet;

  template <class F>
  void for_each(int count, F&& f) const {
    for (int i = rank; i < count; i += size) f(i);
    meet->arrive_and_wait();
  }
  template <class F>
  void once(F&& f) const {
    if (rank == 0) f();
    meet->arrive_and_wait();
  }
};

constexpr int kCrew = 3;

/// The bytes of the decision of `plan` by kCrew threads.
std::vector<double> by_crew(const Plan& plan, const Distances& D) {
  std::vector<double> memory(rules::decision_bytes(plan) / 8 + 1, 0);
  std::vector<double> scratch(rules::select_scratch_bytes(plan) / 8 + 1, -7.25e77);
  std::barrier<> meet(kCrew);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < kCrew; ++rank) {
    threads.emplace_back([&, rank] {
      rules::select(Crew{rank, kCrew, &meet}, plan, D.data(),
                    rules::decision_at(plan, memory.data()), scratch.data());
    });
  }
  threads.clear();
  return memory;
}

TEST_CASE("threads that share the loops decide as one thread does") {
  std::mt19937_64 random(1);
  for (int n : {1, 7, 19, 65}) {
    const int f = (n - 1) / 6;
    for (const bool bad : {false, true}) {
      Points x(n, std::vector<double>(3));
      for (auto& row : x) {
        for (double& value : row) value = static_cast<double>(random() % 50);
      }
      for (int i = 0; bad && i < f; ++i) x[3 * i][0] = 1e30 * (i + 1);
      int far = bad ? f : 0;
      // More bad rows than f: fails closed.
      if (bad && n == 19) {
        x[1][1] = x[2][1] = 1e38;
        far += 2;
      }
      const Distances D = distances(x);
      std::vector<std::string> rules = rules_at(n, f);
      rules.push_back("mean");
      for (const char* rule : {"mean", "median", "geometric_median"}) {
        rules.push_back("nnm(f=" + std::to_string(f) + ")+" + rule);
      }
      for (const char* rule : {"mean", "median", "faba(f=0)", "geometric_median"}) {
        rules.push_back(std::string("bucketing(s=1)+") + rule);
      }
      for (const std::string& rule : rules) {
        const Decided solo(rule, D);
        const std::vector<double> crew = by_crew(solo.plan(), D);
        CAPTURE(rule, n, bad);
        const Plan& plan = solo.plan();
        const int allowed = plan.nnm_f >= 0 ? plan.nnm_f : plan.f;
        CHECK((solo.outcome().failure != rules::Failure::kNone) ==
              (plan.needs_distances && far > allowed));
        CHECK(std::memcmp(crew.data(), &solo.outcome(), rules::decision_bytes(solo.plan())) == 0);
      }
    }
  }
}

}  // namespace
}  // namespace byzccl::test
