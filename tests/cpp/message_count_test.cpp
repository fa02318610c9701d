// SPDX-License-Identifier: MIT
// How many messages a reduction sends: for short vectors, each one costs more than its bytes.

#include <atomic>
#include <byzccl/byzccl.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/passing_transport.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using test::Bytes;
using test::expect;

constexpr int kRanks = 4;
constexpr std::int64_t kColumns = 8;  // one tile: rank 0 owns all of it

/// Messages of payload.
struct Messages {
  std::atomic<int> sent{0};
  std::atomic<int> asked{0};
};

class CountingTransport final : public test::PassingTransport {
 public:
  CountingTransport(std::shared_ptr<Transport> inner, Messages& messages)
      : PassingTransport(std::move(inner)), messages_(messages) {}
  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override {
    if (channel == Channel::kPayload) ++messages_.sent;
    return PassingTransport::send(peer, data, bytes, channel);
  }
  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override {
    if (channel == Channel::kPayload) ++messages_.asked;
    return PassingTransport::recv(peer, data, bytes, channel);
  }

 private:
  Messages& messages_;
};

/// Of all ranks, for an exchange of `adds` vectors.
int payload_messages(const std::string& rule, int adds, std::int64_t d = kColumns,
                     const CommunicatorOptions& options = {}) {
  auto ends = local_transports(kRanks);
  Messages messages;
  test::run(kRanks, [&](int rank) {
    Communicator communicator(std::make_shared<CountingTransport>(
                                  std::move(ends[static_cast<std::size_t>(rank)]), messages),
                              options);
    std::vector<Bytes> x;
    for (int i = 0; i < adds; ++i) x.push_back(test::random_vector(rank, d, DType::kFloat32, i));
    Exchange exchange = communicator.begin(Rule::parse(rule));
    for (Bytes& one : x) exchange.add(one.data(), d, DType::kFloat32);
    const Report report = exchange.finish().report();
    expect(report.nan_columns == 0, "NaN columns where there are none");
  });
  CHECK(messages.sent == messages.asked);
  return messages.sent;
}

}  // namespace

TEST_CASE("who owns no column sends neither sums nor counts") {
  constexpr int kPeers = kRanks - 1;
  CHECK(payload_messages("mean", 1) == 2 * kPeers);                   // vectors, results
  CHECK(payload_messages("median", 1) == 3 * kPeers);                 // and the owner's count
  CHECK(payload_messages("krum(f=0)", 1) == 3 * kPeers);              // and the owner's sums
  CHECK(payload_messages("clip(tau=9)+mean", 1) == 3 * kPeers);       // and the owner's norms
  CHECK(payload_messages("median", 1, 4096) == 3 * kRanks * kPeers);  // all own a tile
}

TEST_CASE("a vector that fills its messages travels in no more of them") {
  constexpr int kPeers = kRanks - 1;
  for (const std::size_t chunk : {std::size_t{32}, std::size_t{16}, std::size_t{12}}) {
    const int cuts = static_cast<int>((4 * kColumns + chunk - 1) / chunk);
    const CommunicatorOptions sharded{.chunk_bytes = chunk};
    const CommunicatorOptions ring{.algorithm = Algorithm::kRing, .chunk_bytes = chunk};
    CAPTURE(chunk);
    CHECK(payload_messages("mean", 1, kColumns, sharded) == 2 * kPeers * cuts);
    CHECK(payload_messages("mean", 1, kColumns, ring) == kRanks * kPeers * cuts);
  }
}

TEST_CASE("the sums of many adds are one message to each peer") {
  constexpr int kAdds = 50;
  CHECK(payload_messages("krum(f=0)", kAdds) == (2 * kAdds + 1) * (kRanks - 1));
}

}  // namespace byzccl
