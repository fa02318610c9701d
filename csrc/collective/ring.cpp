// SPDX-License-Identifier: MIT
// Every rank sees every vector: each forwards to its right what came from its left, for n - 1
// steps, and then decides and combines by itself. Each rank sends (n-1) d, and there is no
// aggregator to lie.

#include <algorithm>
#include <utility>

#include "csrc/collective/exchange.hpp"

namespace byzccl::collective {
namespace {

constexpr std::size_t kAlignment = 64;

class Ring final : public Exchange {
 public:
  using Exchange::Exchange;
  ~Ring() override { join(); }

 private:
  // In step s (1 .. n-1) the vector of rank r - s arrives from the left, in messages, and each
  // message is passed on as soon as it is there. All receives are posted at once, so the next one
  // is landing while this one is passed on; the vector of step n - 1 ends here.
  void collect(Held& held) override {
    Mail& mail = tools_.mail;
    const int n = mail.size();
    held.range = {0, held.grid.d};
    const std::size_t bytes = held.bytes(held.grid.d);
    const std::size_t stride = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    held.memory = tools_.steps.allocate(stride * static_cast<std::size_t>(n - 1));
    held.rows.resize(static_cast<std::size_t>(n));
    held.rows[mail.rank()] = held.bucket.x;
    if (n == 1) return;

    struct Arrival {
      std::size_t posted;
      std::byte* data;
      std::size_t bytes;
      bool goes_on;
    };
    std::vector<Arrival> arrivals;
    std::vector<std::size_t> sent;
    const int left = mail.peer(-1);
    const int right = mail.peer(1);
    const std::size_t chunk = mail.options().chunk_bytes;
    std::byte* slot = static_cast<std::byte*>(held.memory.get());
    for (int step = 1; step < n; ++step, slot += stride) {
      held.rows[mail.peer(-step)] = slot;
      for (std::size_t at = 0; at < bytes; at += chunk) {
        const std::size_t size = std::min(chunk, bytes - at);
        arrivals.push_back({mail.post_recv(left, slot + at, size), slot + at, size, step < n - 1});
      }
    }
    for (std::size_t at = 0; at < bytes; at += chunk) {
      sent.push_back(mail.post_send(right, held.own(0) + at, std::min(chunk, bytes - at)));
    }
    for (const Arrival& arrival : arrivals) {
      mail.wait(arrival.posted);
      if (arrival.goes_on) sent.push_back(mail.post_send(right, arrival.data, arrival.bytes));
    }
    for (const std::size_t posted : sent) mail.wait(posted);
    mail.clear();
  }

  // Shard by shard, as the owners do in `sharded`: the same sums in the same order.
  void measure(Held& held) override {
    const std::size_t sums = sums_count();
    const std::shared_ptr<void> memory =
        tools_.steps.allocate(static_cast<std::size_t>(plan_.ranks) * sums_bytes());
    double* const shards = static_cast<double*>(memory.get());
    for (int k = 0; k < plan_.ranks; ++k) {
      const Range range = shard(held.grid, k);
      sum_shard(held, range.begin, range.size(), shards + static_cast<std::size_t>(k) * sums);
    }
    tools_.steps.add_shards(shards, plan_.ranks, sums, total());
  }

  // The adds were measured one after the other, and each went into the total at once.
  void add_up(std::deque<Held>&) override {}

  void deliver(Held& held) override {
    combine(held, wanted_by(tools_.mail.rank(), held), held.bucket.out);
  }

  bool sees_all_columns() const override { return call_.operation == Operation::kAllReduce; }
};

}  // namespace

std::unique_ptr<Exchange> make_ring(const Tools& tools, const Call& call, const Plan& plan) {
  return std::make_unique<Ring>(tools, call, plan);
}

}  // namespace byzccl::collective
