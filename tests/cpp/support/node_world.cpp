// SPDX-License-Identifier: MIT
#include "support/node_world.hpp"

#include <algorithm>

#include "support/ranks.hpp"

namespace byzccl::test {
namespace {

using node::Frame;
using node::What;

node::Vector vector_of(Said said, std::shared_ptr<std::int64_t> live = nullptr) {
  if (live) ++*live;
  return {new Said(said), [live](const void* p) {
            if (live) --*live;
            delete static_cast<const Said*>(p);
          }};
}

const Said& said_by(const void* vector) { return *static_cast<const Said*>(vector); }

}  // namespace

World::World(WorldPlan plan)
    : plan_(std::move(plan)), n_(static_cast<int>(plan_.roles.size())), random_(plan_.seed) {
  for (int rank = 0; rank < n_; ++rank) ranks_.emplace_back(node::State(rank, n_, plan_.shape));
  wires_.resize(static_cast<std::size_t>(n_) * n_);
}

bool World::runs(int rank) const {
  if (ranks_[rank].crashed) return false;
  return is_honest(rank) || (plan_.roles[rank] == Role::kLiar && ranks_[rank].step < 2);
}

/// As long as it runs.
bool World::is_honest(int rank) const {
  const Role role = plan_.roles[rank];
  return role == Role::kHonest || role == Role::kSlow || role == Role::kCrash;
}

bool World::all_done() const {
  for (int rank = 0; rank < n_; ++rank) {
    const Role role = plan_.roles[rank];
    if ((role == Role::kHonest || role == Role::kSlow) && !is_done(rank)) return false;
  }
  return true;
}

void World::run() {
  std::int64_t idle = 0;
  while (!all_done()) {
    // Where nothing happened for so many turns in a row, nothing can before a deadline.
    if (idle >= 400 * n_ * n_) {
      pass_deadline();
      idle = 0;
    }
    const int rank = static_cast<int>(draw(n_));
    const Role role = plan_.roles[rank];
    if (role == Role::kSlow && draw(12) != 0) continue;
    if (role == Role::kCrash && !ranks_[rank].crashed && draw(60) == 0) {
      ranks_[rank].crashed = true;
      for (int peer = 0; peer < n_; ++peer) {
        if (peer != rank) ranks_[peer].state.lose(rank, "it ended");
      }
    }
    idle = act(rank) ? 0 : idle + 1;
    check_rank(rank);
  }
  check_end();
}

bool World::act(int rank) {
  const int peer = static_cast<int>((rank + 1 + draw(n_ - 1)) % n_);
  switch (draw(4)) {
    case 0:
      return publish(rank);
    case 1:
      return collect(rank);
    case 2:
      return load(rank, peer) || lie(rank, peer);
    default:
      return deliver(peer, rank);
  }
}

/// Of the rank that is furthest behind: it waits for one that is silent, and another was so far
/// ahead that its vector of the step was replaced before it left.
void World::pass_deadline() {
  int last = -1;
  for (int rank = 0; rank < n_; ++rank) {
    if (!runs(rank) || !is_honest(rank) || is_done(rank)) continue;
    if (last < 0 || ranks_[rank].step < ranks_[last].step) last = rank;
  }
  Rank& own = ranks_[last];
  const Said mine{last, 0, own.step};
  const QuorumError error = own.state.inbox().failure(quorum_of(own.step, mine), true);
  expect(error.timed_out() && own.published, "nothing happens, and nobody waits");
  expect(!error.missing().empty() && !error.passed().empty(),
         concat("rank ", last, " waits for nobody's fault: ", error.what()));
  go_on(own, error);
  ++deadlines_;
}

Quorum World::quorum_of(std::int64_t step, const Said& mine) const {
  return {.kind = 0, .step = step, .q = plan_.q, .sources = {}, .own = &mine};
}

void World::go_on(Rank& own, const QuorumError& error) {
  expect(error.next_step() > own.step && error.next_step() < (std::int64_t{1} << 60),
         "led back, or away by ranks that lie");
  own.step = error.next_step();
  own.published = false;
}

bool World::publish(int rank) {
  Rank& own = ranks_[rank];
  if (!runs(rank) || own.published || is_done(rank)) return false;
  std::vector<int> others;
  for (int peer = 0; peer < n_; ++peer) {
    if (peer != rank) others.push_back(peer);
  }
  own.state.publish(0, own.step, vector_of({rank, 0, own.step}), others);
  own.published = true;
  return true;
}

bool World::collect(int rank) {
  Rank& own = ranks_[rank];
  if (!runs(rank) || !own.published || is_done(rank)) return false;
  const Said mine{rank, 0, own.step};
  const Quorum quorum = quorum_of(own.step, mine);
  node::Inbox& inbox = own.state.inbox();
  inbox.check(quorum);
  inbox.begin(quorum);
  if (const auto collected = inbox.take(quorum)) {
    check_collected(rank, quorum, *collected);
    ++own.step;
    own.published = false;
    return true;
  }
  if (inbox.can_come(quorum)) return false;
  go_on(own, inbox.failure(quorum, false));
  ++jumps_;
  return true;
}

/// In rank order, of the step, each said by its rank, and the first that came.
void World::check_collected(int rank, const Quorum& quorum, const Collected& collected) {
  std::vector<int> wanted{rank};
  for (const Arrival& arrival : ranks_[rank].arrivals) {
    if (arrival.step == quorum.step && static_cast<int>(wanted.size()) < quorum.q) {
      wanted.push_back(arrival.from);
    }
  }
  std::sort(wanted.begin(), wanted.end());
  expect(collected.ranks == wanted, "not the first that came, in rank order");
  expect(collected.rows.size() == wanted.size(), "as many rows as ranks");
  for (std::size_t row = 0; row < wanted.size(); ++row) {
    const Said& said = said_by(collected.rows[row]);
    expect(said.rank == wanted[row] && said.step == quorum.step && said.kind == 0,
           "a vector of another rank or step");
  }
}

/// The sending thread of a pair: the next message goes once the last has come.
bool World::load(int from, int to) {
  Wire& pair = wire(from, to);
  const Role role = plan_.roles[from];
  if (!pair.way.empty() || pair.vector_due || ranks_[from].crashed) return false;
  if (role == Role::kSilent || (role == Role::kLiar && !runs(from))) return false;
  auto outgoing = ranks_[from].state.next(to);
  if (!outgoing) return false;
  pair.way.push_back(std::move(*outgoing));
  return true;
}

bool World::lie(int from, int to) {
  Wire& pair = wire(from, to);
  const Role role = plan_.roles[from];
  if (!pair.way.empty() || pair.vector_due) return false;
  if (role != Role::kFuture && role != Role::kReplay && role != Role::kLiar) return false;
  if (pair.lies > 3 * plan_.shape.kept || runs(from)) return false;
  const std::int64_t turn = pair.lies++;
  const std::int64_t step =
      role == Role::kFuture ? (std::int64_t{1} << 60) + turn : std::int64_t{0};
  node::Outgoing outgoing{node::vector_frame(plan_.shape, 0, step), vector_of({from, 0, step})};
  if (role == Role::kLiar) {
    Frame& frame = outgoing.frame;
    switch (draw(8)) {
      case 0:
        frame.magic ^= 1;
        break;
      case 1:
        frame.count += 1;
        break;
      case 2:
        frame.kind = 200;
        break;
      case 3:
        frame.what = static_cast<What>(9);
        break;
      case 4:
        frame.reserved[3] = 1;
        break;
      case 5:
        frame.step = -1;
        break;
      case 6:
        frame = node::room_frame(plan_.shape, 0, 1000);
        break;
      default:
        frame = node::ask_frame(plan_.shape, What::kAnswer, 1);
        break;
    }
  }
  pair.way.push_back(std::move(outgoing));
  return true;
}

/// The receiving thread of a pair: a header, later the vector.
bool World::deliver(int from, int to) {
  Wire& pair = wire(from, to);
  Rank& receiver = ranks_[to];
  if (receiver.crashed || ranks_[from].crashed || receiver.state.is_gone(from)) return false;
  if (pair.vector_due) {
    const auto [frame, fate] = *pair.vector_due;
    const Said& said = said_by(pair.vector.get());
    const bool kept = fate == node::Fate::kKeep;
    receiver.state.arrive(from, frame, fate, kept ? vector_of(said, receiver.live) : nullptr);
    if (kept) receiver.arrivals.push_back({from, frame.step});
    pair.vector_due.reset();
    return true;
  }
  if (pair.way.empty()) return false;
  const node::Outgoing outgoing = std::move(pair.way.front());
  pair.way.pop_front();
  const node::Incoming incoming = receiver.state.header(from, outgoing.frame);
  if (!incoming.fault.empty()) {
    expect(!is_honest(from) || !is_honest(to), "an honest rank is cut off: " + incoming.fault);
    receiver.state.lose(from, incoming.fault);
    ++cut_off_;
  } else if (incoming.vector_follows) {
    pair.vector_due = {outgoing.frame, incoming.fate};
    pair.vector = outgoing.vector;
  }
  return true;
}

void World::check_rank(int rank) {
  const auto most = static_cast<std::int64_t>(n_ - 1) * plan_.shape.kinds * plan_.shape.kept;
  expect(*ranks_[rank].live <= most, "more waits to be collected than may");
}

void World::check_end() {
  for (int rank = 0; rank < n_; ++rank) {
    const Role role = plan_.roles[rank];
    const node::State& state = ranks_[rank].state;
    for (const PeerAccount& account : state.inbox().accounts()) late_ += account.late;
    if (role != Role::kHonest && role != Role::kSlow) continue;
    const Quorum next{.kind = 0, .step = ranks_[rank].step, .q = 1};
    expect(is_done(rank), concat("rank ", rank, " waits for ever at step ", ranks_[rank].step, ": ",
                                 state.inbox().failure(next, true).what()));
  }
}

}  // namespace byzccl::test
