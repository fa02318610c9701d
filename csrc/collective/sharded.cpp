// SPDX-License-Identifier: MIT
// Rank k owns shard k of every add: it holds those columns of all n vectors, adds up their share of
// D, and combines them. Each rank sends (n-1)/n d to spread the shards and as much to bring the
// result together.

#include <algorithm>
#include <utility>

#include "csrc/collective/exchange.hpp"

namespace byzccl::collective {
namespace {

/// Rows of received columns start on a cache line.
constexpr std::size_t kAlignment = 64;
/// Most bytes of pair sums that are gathered at a time; a single add may need more.
constexpr std::size_t kGatherBytes = std::size_t{64} << 20;

class Sharded final : public Exchange {
 public:
  using Exchange::Exchange;
  ~Sharded() override { join(); }

 private:
  Range shard_of(const Held& held, int rank) const { return shard(held.grid, rank); }

  // All-to-all: shard k of this rank's vector goes to rank k, and their columns of this rank's own
  // shard come back. The own row is read where it lies.
  void collect(Held& held) override {
    Mail& mail = tools_.mail;
    held.range = shard_of(held, mail.rank());
    const std::size_t bytes = held.bytes(held.range.size());
    const std::size_t stride = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    held.memory = tools_.steps.allocate_landing(stride * static_cast<std::size_t>(mail.size() - 1));
    held.rows.resize(static_cast<std::size_t>(mail.size()));
    held.rows[mail.rank()] = held.own(held.range.begin);
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    std::byte* slot = static_cast<std::byte*>(held.memory.get());
    for (int offset = 1; offset < mail.size(); ++offset, slot += stride) {
      const int from = mail.peer(-offset);
      held.rows[from] = slot;
      in.push_back({from, slot, bytes});
      const int to = mail.peer(offset);
      const Range theirs = shard_of(held, to);
      out.push_back({to, held.own(theirs.begin), held.bytes(theirs.size())});
    }
    exchange(out, in);
  }

  void measure(Held& held) override {
    held.sums = tools_.steps.allocate(sums_bytes());
    sum_shard(held, 0, held.range.size(), static_cast<double*>(held.sums.get()));
  }

  // All-gather of the pair sums: everyone adds the same bytes in the same order.
  void add_up(std::deque<Held>& all) override {
    const std::size_t n = static_cast<std::size_t>(plan_.ranks);
    const std::size_t bytes = sums_bytes();
    if (bytes == 0) return;
    const std::size_t batch = std::max<std::size_t>(1, kGatherBytes / (2 * n * bytes));
    const std::size_t most = std::min(batch, all.size());
    gathered_ = tools_.steps.allocate(most * n * bytes);
    // The sums of one add arrive where they are added up.
    packets_ = most == 1 ? gathered_ : tools_.steps.allocate(most * n * bytes);
    for (std::size_t first = 0; first < all.size(); first += batch) {
      const std::size_t count = std::min(batch, all.size() - first);
      gather_sums(all, first, count);
      const Timed timed(tools_.phases.distances);
      for (std::size_t i = 0; i < count; ++i) {
        tools_.steps.add_shards(reinterpret_cast<const double*>(sums_at(i, 0)), plan_.ranks,
                                sums_count(), total());
      }
    }
  }

  /// Where the sums of shard k of the i-th add of a batch are gathered.
  std::byte* sums_at(std::size_t i, int k) const {
    const std::size_t n = static_cast<std::size_t>(plan_.ranks);
    return static_cast<std::byte*>(gathered_.get()) +
           (i * n + static_cast<std::size_t>(k)) * sums_bytes();
  }

  /// A rank sends its sums of all adds in one packet. Those of a shard without columns are zero, as
  /// everyone knows, and are in none.
  void gather_sums(const std::deque<Held>& all, std::size_t first, std::size_t count) {
    const Timed timed(tools_.phases.gather);
    Mail& mail = tools_.mail;
    const auto owns = [&](int k, std::size_t i) { return shard_of(all[first + i], k).size() > 0; };
    std::vector<std::size_t> packed(static_cast<std::size_t>(mail.size()));  // bytes, by rank
    for (std::size_t i = 0; i < count; ++i) {
      for (int k = 0; k < mail.size(); ++k) {
        if (!owns(k, i)) {
          tools_.steps.clear(sums_at(i, k), sums_bytes());
          continue;
        }
        if (k == mail.rank()) {
          const void* const own = all[first + i].sums.get();
          tools_.steps.copy(sums_at(i, k), own, sums_bytes());
          if (count > 1) tools_.steps.copy(packet(k, count) + packed[k], own, sums_bytes());
        }
        packed[k] += sums_bytes();
      }
    }
    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (int offset = 1; offset < mail.size(); ++offset) {
      const int from = mail.peer(-offset);
      if (packed[from] > 0) in.push_back({from, packet(from, count), packed[from]});
      if (packed[mail.rank()] == 0) continue;
      out.push_back({mail.peer(offset), packet(mail.rank(), count), packed[mail.rank()]});
    }
    mail.transport().await_steps();
    exchange(out, in);
    if (count == 1) return;
    for (int k = 0; k < mail.size(); ++k) {
      const std::byte* next = packet(k, count);
      for (std::size_t i = 0; i < count; ++i) {
        if (k == mail.rank() || !owns(k, i)) continue;
        tools_.steps.copy(sums_at(i, k), next, sums_bytes());
        next += sums_bytes();
      }
    }
  }

  /// Of the sums of rank k, in a batch of `count` adds.
  std::byte* packet(int k, std::size_t count) const {
    const std::size_t place = static_cast<std::size_t>(k) * count * sums_bytes();
    return static_cast<std::byte*>(count == 1 ? gathered_.get() : packets_.get()) + place;
  }

  // The owner combines its shard and sends each rank the part of it that the rank wants.
  void deliver(Held& held) override {
    Mail& mail = tools_.mail;
    const int rank = mail.rank();
    const Range mine = wanted_by(rank, held);
    const Range kept = intersect(held.range, mine);
    const auto place = [&](Range part) {
      return static_cast<std::byte*>(held.bucket.out) + held.bytes(part.begin - mine.begin);
    };
    std::byte* combined = nullptr;
    if (kept.size() == held.range.size()) {
      combined = held.range.size() > 0 ? place(held.range) : nullptr;
    } else {
      held.combined = tools_.steps.allocate(held.bytes(held.range.size()));
      combined = static_cast<std::byte*>(held.combined.get());
    }
    combine(held, held.range, combined);
    const auto at = [&](Range part) {
      return combined + held.bytes(part.begin - held.range.begin);
    };
    if (kept.size() > 0 && at(kept) != place(kept)) {
      tools_.steps.copy(place(kept), at(kept), held.bytes(kept.size()));
    }

    std::vector<Outgoing> out;
    std::vector<Incoming> in;
    for (int offset = 1; offset < mail.size(); ++offset) {
      const int from = mail.peer(-offset);
      const Range theirs = intersect(shard_of(held, from), mine);
      if (theirs.size() > 0) in.push_back({from, place(theirs), held.bytes(theirs.size())});
      const int peer = mail.peer(offset);
      const Range part = intersect(held.range, wanted_by(peer, held));
      if (part.size() > 0) out.push_back({peer, at(part), held.bytes(part.size())});
    }
    mail.transport().await_steps();
    held.posted = mail.post(out, in);
  }

  bool sees_all_columns() const override { return false; }
  Range combined_by(int rank, const Held& held) const override { return shard_of(held, rank); }

  std::shared_ptr<void> gathered_;  // sums [adds of a batch, n, sums] float64
  std::shared_ptr<void> packets_;   // the same by rank: [n, adds of a batch, sums]
};

}  // namespace

std::unique_ptr<Exchange> make_sharded(const Tools& tools, const Call& call, const Plan& plan) {
  return std::make_unique<Sharded>(tools, call, plan);
}

}  // namespace byzccl::collective
