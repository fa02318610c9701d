// SPDX-License-Identifier: MIT
// Threads as ranks: order, deadlines, what a rank that stops leaves behind, the board.

#include <atomic>
#include <chrono>
#include <numeric>
#include <optional>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using std::chrono::milliseconds;

Deadline in(int ms) { return Clock::now() + milliseconds(ms); }

/// The PeerError of a wait, if it throws one.
std::optional<PeerError> error_of(Work& work, Deadline deadline) {
  try {
    work.wait(deadline);
  } catch (const PeerError& error) {
    return error;
  }
  return std::nullopt;
}

TEST_CASE("messages of a pair arrive in the order of the sends") {
  const auto ends = local_transports(3);
  test::run(3, [&](int rank) {
    Transport& transport = *ends[static_cast<std::size_t>(rank)];
    std::vector<int> out(200);
    std::iota(out.begin(), out.end(), rank * 1000);
    std::vector<std::unique_ptr<Work>> works;
    std::vector<std::vector<int>> in_(3, std::vector<int>(200, -1));
    for (int i = 0; i < 200; ++i) {
      for (int peer = 0; peer < 3; ++peer) {
        if (peer == rank) continue;
        // Ranks differ in what they post first, so both orders happen.
        if (rank == 0) works.push_back(transport.send(peer, &out[i], sizeof(int)));
        works.push_back(transport.recv(peer, &in_[peer][i], sizeof(int)));
        if (rank != 0) works.push_back(transport.send(peer, &out[i], sizeof(int)));
      }
    }
    for (const auto& work : works) work->wait(in(10'000));
    for (int peer = 0; peer < 3; ++peer) {
      for (int i = 0; i < 200 && peer != rank; ++i) {
        test::expect(in_[peer][i] == peer * 1000 + i, "a message is out of order");
      }
    }
  });
}

TEST_CASE("the sender's buffer is free once the send is done") {
  const auto ends = local_transports(2);
  int value = 1;
  ends[0]->send(1, &value, sizeof value)->wait(in(0));
  value = 2;
  int got = 0;
  ends[1]->recv(0, &got, sizeof got)->wait(in(0));
  CHECK(got == 1);
}

TEST_CASE("a message of no bytes moves nothing") {
  const auto ends = local_transports(2);
  ends[0]->send(1, nullptr, 0)->wait(in(0));
  ends[1]->recv(0, nullptr, 0)->wait(in(0));
  int value = 7;
  int got = 0;
  ends[0]->send(1, &value, sizeof value)->wait(in(0));
  ends[1]->recv(0, &got, sizeof got)->wait(in(0));
  CHECK(got == 7);
}

TEST_CASE("a wait ends at its deadline and names the peer") {
  const auto ends = local_transports(3);
  int got = 0;
  const auto work = ends[0]->recv(2, &got, sizeof got);
  const auto start = Clock::now();
  const auto error = error_of(*work, in(30));
  REQUIRE(error.has_value());
  CHECK(error->peer() == 2);
  CHECK(error->timed_out());
  CHECK(Clock::now() - start >= milliseconds(30));
  ends[0]->abort();
}

TEST_CASE("a rank that stopped is seen as gone, after what it had sent") {
  auto ends = local_transports(2);
  const int value = 5;
  ends[0]->send(1, &value, sizeof value)->wait(in(0));
  const bool destroyed = GENERATE(false, true);
  CAPTURE(destroyed);
  if (destroyed) {
    ends[0].reset();
  } else {
    ends[0]->abort();
    ends[0]->abort();
  }
  int got = 0;
  ends[1]->recv(0, &got, sizeof got)->wait(in(0));
  CHECK(got == 5);
  const auto received = ends[1]->recv(0, &got, sizeof got);
  const auto error = error_of(*received, in(10'000));
  REQUIRE(error.has_value());
  CHECK(error->peer() == 0);
  CHECK_FALSE(error->timed_out());
  const auto sent = ends[1]->send(0, &value, sizeof value);
  CHECK(error_of(*sent, in(10'000)).has_value());
}

TEST_CASE("a message tells without a wait whether it is done or lost") {
  const auto ends = local_transports(2);
  const int sent = 7;
  std::vector<int> got(2);
  const auto first = ends[0]->recv(1, &got[0], sizeof(int));
  const auto second = ends[0]->recv(1, &got[1], sizeof(int));
  CHECK_FALSE((first->is_done() || first->is_lost()));
  const auto out = ends[1]->send(0, &sent, sizeof(int));
  CHECK((out->is_done() && !out->is_lost()));
  CHECK((first->is_done() && !first->is_lost()));
  CHECK_FALSE((second->is_done() || second->is_lost()));
  ends[1]->abort();
  CHECK((first->is_done() && !first->is_lost()));
  CHECK((second->is_lost() && !second->is_done()));
  CHECK(ends[0]->send(1, &sent, sizeof(int))->is_lost());
  CHECK(ends[0]->send(1, &sent, 0)->is_done());
}

TEST_CASE("abort wakes who waits, on both sides") {
  const auto ends = local_transports(2);
  std::atomic<int> woken{0};
  test::run(3, [&](int rank) {
    if (rank == 2) {
      std::this_thread::sleep_for(milliseconds(20));
      return ends[0]->abort();
    }
    int got = 0;
    const auto work = ends[static_cast<std::size_t>(rank)]->recv(1 - rank, &got, sizeof got);
    const auto error = error_of(*work, in(60'000));
    test::expect(error && !error->timed_out(), "the wait was not woken");
    ++woken;
  });
  CHECK(woken == 2);
  const auto later = ends[0]->recv(1, nullptr, 4);
  CHECK(error_of(*later, in(10'000)).has_value());
}

TEST_CASE("after its own abort nothing reaches a rank, not even what had come") {
  const auto ends = local_transports(2);
  int value = 7;
  int got = 0;
  const auto before = ends[0]->recv(1, &got, sizeof got);
  ends[1]->send(0, &value, sizeof value)->wait(in(0));
  ends[0]->abort();
  const auto after = ends[0]->recv(1, &got, sizeof got);
  for (Work* const work : {before.get(), after.get()}) {
    CHECK_THROWS_WITH(work->wait(in(10'000)), "the transport was aborted");
  }
  CHECK(after->is_lost());
}

TEST_CASE("sizes that disagree are an error, not a crash") {
  const auto ends = local_transports(2);
  const std::vector<int> out(4);
  int got = 3;
  ends[0]->send(1, out.data(), 4 * sizeof(int))->wait(in(0));
  const auto work = ends[1]->recv(0, &got, sizeof got);
  CHECK_THROWS_WITH(work->wait(in(0)), "it sent a message of 16 bytes where 4 were expected");
  CHECK_THROWS_AS(work->wait(in(0)), ProtocolError);
  CHECK(got == 3);
}

TEST_CASE("messages of different channels never meet, and each channel has its order") {
  const auto ends = local_transports(2);
  const std::vector<int> out{1, 2, 3, 4};
  const auto send = [&](int i, Channel channel) {
    ends[0]->send(1, &out[static_cast<std::size_t>(i)], sizeof(int), channel)->wait(in(0));
  };
  std::vector<int> got(4);
  const auto recv = [&](int i, Channel channel) {
    return ends[1]->recv(0, &got[static_cast<std::size_t>(i)], sizeof(int), channel);
  };
  send(0, Channel::kHeaders);
  const auto payload = recv(1, Channel::kPayload);  // asked for before it is sent
  const auto echo = recv(2, Channel::kEchoes);
  send(2, Channel::kEchoes);
  send(1, Channel::kPayload);
  send(3, Channel::kHeaders);
  payload->wait(in(0));
  echo->wait(in(0));
  recv(0, Channel::kHeaders)->wait(in(0));
  recv(3, Channel::kHeaders)->wait(in(0));
  CHECK(got == out);
}

TEST_CASE("no messages to oneself or to nobody") {
  const auto ends = local_transports(2);
  int got = 0;
  CHECK_THROWS_AS(ends[0]->send(0, &got, 4), InvalidArgument);
  CHECK_THROWS_AS(ends[0]->recv(2, &got, 4), InvalidArgument);
  CHECK_THROWS_AS(ends[0]->recv(-1, &got, 4), InvalidArgument);
  CHECK_THROWS_AS(local_transports(0), InvalidArgument);
  CHECK_THROWS_AS(local_transports(257), InvalidArgument);
  CHECK(local_transports(256).size() == 256);
}

TEST_CASE("the board keeps the last put and the first put_first") {
  auto ends = local_transports(2);
  CHECK_FALSE(ends[0]->board().get("a").has_value());
  ends[0]->board().put("a", "1");
  ends[1]->board().put("a", "2");
  CHECK(ends[0]->board().get("a") == std::optional<std::string>("2"));
  CHECK(ends[1]->board().put_first("b", "3") == "3");
  CHECK(ends[0]->board().put_first("b", "4") == "3");
  ends[0].reset();
  CHECK(ends[1]->board().get("b") == std::optional<std::string>("3"));
}

}  // namespace
}  // namespace byzccl
