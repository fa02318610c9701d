// SPDX-License-Identifier: MIT
// Quorums under seeded schedules: delays, reorderings between peers, crashes, floods, replays and
// lies. 500 of them; BYZCCL_SCHEDULES says another number, and `make nightly` runs 10,000.

#include <cstdlib>
#include <string>

#include "support/catch.hpp"
#include "support/node_world.hpp"

namespace byzccl {
namespace {

using test::Role;
using test::World;
using test::WorldPlan;

int schedules() {
  const char* const set = std::getenv("BYZCCL_SCHEDULES");
  return set == nullptr ? 500 : std::atoi(set);
}

/// n ranks of which f are bad, f < q - 1 so that they cannot lead anybody away, and perhaps one
/// that is slow; f + 2 <= q <= n - f.
WorldPlan plan_of(std::uint64_t seed) {
  std::mt19937_64 random(seed * 7919 + 1);
  WorldPlan plan;
  plan.seed = seed;
  const int n = 3 + static_cast<int>(random() % 5);
  const int f = static_cast<int>(random() % (n / 2));
  plan.roles.assign(static_cast<std::size_t>(n), Role::kHonest);
  if (random() % 2 == 0) plan.roles[0] = Role::kSlow;
  constexpr Role kBad[] = {Role::kCrash, Role::kSilent, Role::kFuture, Role::kReplay, Role::kLiar};
  for (int bad = 0; bad < f; ++bad) plan.roles[n - 1 - bad] = kBad[random() % 5];
  // All honest ranks are needed, or fewer, and then some run ahead.
  plan.q = random() % 2 == 0 ? n - f : f + 2 + static_cast<int>(random() % (n - 2 * f - 1));
  plan.shape = {.count = 1,
                .dtype = DType::kFloat32,
                .kinds = 1 + static_cast<int>(random() % 2),
                .kept = 1 + static_cast<int>(random() % 4),
                .unsent = 2};
  return plan;
}

TEST_CASE("Every honest rank goes on under every schedule, with the first q of each step") {
  const int count = schedules();
  REQUIRE(count > 0);
  std::int64_t jumps = 0;
  std::int64_t deadlines = 0;
  std::int64_t late = 0;
  std::int64_t cut_off = 0;
  for (int seed = 0; seed < count; ++seed) {
    CAPTURE(seed);
    World world(plan_of(static_cast<std::uint64_t>(seed)));
    world.run();
    jumps += world.jumps();
    deadlines += world.deadlines();
    late += world.late();
    cut_off += world.cut_off();
  }
  // The schedules come by what they are for, and deadlines are the exception.
  CHECK(deadlines < count / 5);
  CHECK(jumps > count / 50);
  CHECK(late > count);
  CHECK(cut_off > count / 20);
}

TEST_CASE("A schedule comes again from its seed") {
  World first(plan_of(17));
  World again(plan_of(17));
  first.run();
  again.run();
  CHECK(first.late() == again.late());
  CHECK(first.jumps() == again.jumps());
}

}  // namespace
}  // namespace byzccl
