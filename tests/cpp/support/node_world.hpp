// SPDX-License-Identifier: MIT
// Nodes without threads: the state of each, and wires on which frames travel as a seed has it.

#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "csrc/node/state.hpp"

namespace byzccl::test {

/// What a vector says: the test's vectors are these.
struct Said {
  int rank;
  int kind;
  std::int64_t step;
};

/// What a rank does.
enum class Role : std::uint8_t {
  kHonest,
  kSlow,    ///< honest, and seldom gets a turn
  kCrash,   ///< honest, until it ends at some moment
  kSilent,  ///< never sends
  kFuture,  ///< sends steps that are far off, as many as may wait
  kReplay,  ///< sends step 0 again and again
  kLiar,    ///< after some honest steps it sends a frame that no node sends
};

struct WorldPlan {
  std::uint64_t seed = 0;
  std::vector<Role> roles;  // [rank]
  int steps = 8;            // of each honest rank
  int q = 1;                // own vector included
  node::Shape shape;
};

/// Every honest rank publishes its vector of a step to all others, collects q with its own, and
/// goes on; where the step can no longer be had it jumps to the one that was reached.
class World {
 public:
  explicit World(WorldPlan plan);

  /// Until no honest rank has anything left to do. Deadlines pass where nothing else can happen.
  /// @throws std::runtime_error where something is not as it must be
  void run();

  std::int64_t jumps() const { return jumps_; }
  std::int64_t deadlines() const { return deadlines_; }
  std::int64_t late() const { return late_; }
  std::int64_t cut_off() const { return cut_off_; }

 private:
  /// A vector came: in the order of arrival at one rank.
  struct Arrival {
    int from;
    std::int64_t step;
  };
  struct Rank {
    explicit Rank(node::State its) : state(std::move(its)) {}
    node::State state;
    std::int64_t step = 0;
    bool published = false;
    bool crashed = false;
    std::vector<Arrival> arrivals;
    std::shared_ptr<std::int64_t> live = std::make_shared<std::int64_t>(0);
  };
  /// From one rank to another: what has left and has not come. Whoever sends waits for the last.
  struct Wire {
    std::deque<node::Outgoing> way;
    std::optional<std::pair<node::Frame, node::Fate>> vector_due;
    node::Vector vector;
    std::int64_t lies = 0;
  };

  Wire& wire(int from, int to) { return wires_[from * n_ + to]; }
  bool runs(int rank) const;
  bool is_honest(int rank) const;
  bool is_done(int rank) const { return ranks_[rank].step >= plan_.steps; }
  bool all_done() const;
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  bool act(int rank);
  void pass_deadline();
  Quorum quorum_of(std::int64_t step, const Said& mine) const;
  void go_on(Rank& own, const QuorumError& error);
  bool publish(int rank);
  bool collect(int rank);
  bool load(int from, int to);
  bool lie(int from, int to);
  bool deliver(int from, int to);
  void check_collected(int rank, const Quorum& quorum, const Collected& collected);
  void check_rank(int rank);
  void check_end();

  const WorldPlan plan_;
  const int n_;
  std::mt19937_64 random_;
  std::vector<Rank> ranks_;
  std::vector<Wire> wires_;  // [from, to]
  std::int64_t jumps_ = 0;
  std::int64_t deadlines_ = 0;
  std::int64_t late_ = 0;
  std::int64_t cut_off_ = 0;
};

}  // namespace byzccl::test
