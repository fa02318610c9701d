// SPDX-License-Identifier: MIT
// Every rank sees every vector: each forwards to its right what came from its left, for n - 1
// steps, and then decides and combines by itself. Each rank sends (n-1) d, and there is no
// aggregator to lie. Vectors go round slab by slab: on a device, the distances of one slab are
// added up while the next one travels.

#include <algorithm>
#include <utility>

#include "csrc/collective/exchange.hpp"
#include "csrc/collective/slab.hpp"

namespace byzccl::collective {
namespace {

constexpr std::size_t kAlignment = 64;

class Ring final : public Exchange {
 public:
  using Exchange::Exchange;
  ~Ring() override { join(); }

 private:
  void collect(Held& held) override {
    Mail& mail = tools_.mail;
    const int n = mail.size();
    held.range = {0, held.grid.d};
    const std::size_t bytes = held.bytes(held.grid.d);
    const std::size_t stride = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    held.memory = tools_.steps.allocate_landing(stride * static_cast<std::size_t>(n - 1));
    held.rows.resize(static_cast<std::size_t>(n));
    held.rows[mail.rank()] = held.bucket.x;
    std::byte* slot = static_cast<std::byte*>(held.memory.get());
    for (int step = 1; step < n; ++step, slot += stride) held.rows[mail.peer(-step)] = slot;

    for (int shard = 0; shard < n;) {
      const int end = slab_end(held.grid, held.bucket.dtype, shard);
      pass_round(held, {held.grid.first_column(shard), held.grid.first_column(end)});
      if (tools_.steps.enqueues() && keeps_vectors()) sum_shards(held, end);
      shard = end;
    }
  }

  // In step s (1 .. n-1) the columns of rank r - s arrive from the left, in messages, while those
  // of rank r - s + 1 go to the right: each message is passed on in the step after it came.
  void pass_round(Held& held, Range columns) {
    Mail& mail = tools_.mail;
    const int left = mail.peer(-1);
    const int right = mail.peer(1);
    const std::size_t bytes = held.bytes(columns.size());
    const std::size_t chunk = mail.options().chunk_bytes;
    std::vector<std::size_t> sent;
    std::vector<std::size_t> arriving;  // of the step before
    for (int step = 1; step < mail.size(); ++step) {
      if (step > 1) tools_.echoes.settle();  // before the first wait
      const std::byte* const out = row(held, mail.peer(1 - step), columns.begin);
      std::byte* const in = row(held, mail.peer(-step), columns.begin);
      std::vector<std::size_t> next;
      for (std::size_t at = 0; at < bytes; at += chunk) {
        const std::size_t size = std::min(chunk, bytes - at);
        if (step > 1) mail.wait(arriving[next.size()]);
        mail.transport().start_batch();
        next.push_back(mail.post_recv(left, in + at, size));
        sent.push_back(mail.post_send(right, out + at, size));
        mail.transport().end_batch();
      }
      arriving = std::move(next);
    }
    tools_.echoes.settle();
    for (const std::size_t posted : arriving) mail.wait(posted);
    for (const std::size_t posted : sent) mail.wait(posted);
    mail.clear();
  }

  static std::byte* row(const Held& held, int rank, std::int64_t column) {
    // Of the rows only those in held.memory are written.
    return const_cast<std::byte*>(static_cast<const std::byte*>(held.rows[rank])) +
           held.bytes(column);
  }

  /// held.sums [ranks, sums] of the shards up to `end`, from where it was left on.
  void sum_shards(Held& held, int end) {
    const std::size_t sums = sums_count();
    if (!held.sums) {
      held.sums = tools_.steps.allocate(static_cast<std::size_t>(plan_.ranks) * sums_bytes());
    }
    double* const shards = static_cast<double*>(held.sums.get());
    for (int& k = held.summed; k < end; ++k) {
      const Range range = shard(held.grid, k);
      sum_shard(held, range.begin, range.size(), shards + static_cast<std::size_t>(k) * sums);
    }
  }

  // Shard by shard, as the owners do in `sharded`: the same sums in the same order.
  void measure(Held& held) override {
    sum_shards(held, plan_.ranks);
    tools_.steps.add_shards(static_cast<const double*>(held.sums.get()), plan_.ranks, sums_count(),
                            total());
    held.sums.reset();
    held.summed = 0;
  }

  // The adds were measured one after the other, and each went into the total at once.
  void add_up(std::deque<Held>&) override {}

  void deliver(Held& held) override {
    combine(held, wanted_by(tools_.mail.rank(), held), held.bucket.out);
  }

  bool sees_all_columns() const override { return call_.operation == Operation::kAllReduce; }
  Range combined_by(int rank, const Held& held) const override { return wanted_by(rank, held); }
};

}  // namespace

std::unique_ptr<Exchange> make_ring(const Tools& tools, const Call& call, const Plan& plan) {
  return std::make_unique<Ring>(tools, call, plan);
}

}  // namespace byzccl::collective
