// SPDX-License-Identifier: MIT
#include "support/faulty_transport.hpp"

#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace byzccl::test {
namespace {

class BrokenBoard final : public Board {
 public:
  explicit BrokenBoard(int host) : host_(host) {}
  void put(const std::string&, const std::string&) override { fail(); }
  std::optional<std::string> get(const std::string&) override { fail(); }
  std::string put_first(const std::string&, const std::string&) override { fail(); }
  int host() const override { return host_; }

 private:
  [[noreturn]] static void fail() { throw Error("the board is out of reach"); }
  const int host_;
};

class SlowWork final : public Work {
 public:
  SlowWork(std::unique_ptr<Work> inner, std::chrono::milliseconds delay)
      : inner_(std::move(inner)), delay_(delay) {}
  void wait(Deadline deadline) override {
    std::this_thread::sleep_for(delay_);
    inner_->wait(deadline);
  }
  bool is_lost() override { return inner_->is_lost(); }
  bool is_done() override { return inner_->is_done(); }

 private:
  std::unique_ptr<Work> inner_;
  std::chrono::milliseconds delay_;
};

}  // namespace

FaultyTransport::FaultyTransport(std::shared_ptr<Transport> inner, FaultPlan plan)
    : PassingTransport(std::move(inner)),
      plan_(std::move(plan)),
      broken_board_(std::make_unique<BrokenBoard>(plan_.board_host)) {}

std::unique_ptr<Work> FaultyTransport::send(int peer, const void* data, std::size_t bytes,
                                            Channel channel) {
  if (plan_.kind != FaultPlan::Kind::kNone && sends_++ >= plan_.sends_before) hold();
  if (!plan_.rewrite) return PassingTransport::send(peer, data, bytes, channel);
  const auto* const begin = static_cast<const std::byte*>(data);
  std::vector<std::byte> message(begin, begin + bytes);
  plan_.rewrite(peer, channel, message);
  auto work = PassingTransport::send(peer, message.data(), bytes, channel);
  work->wait(Clock::now());  // a local send is done at once, so `message` may go
  return work;
}

std::unique_ptr<Work> FaultyTransport::recv(int peer, void* data, std::size_t bytes,
                                            Channel channel) {
  auto work = PassingTransport::recv(peer, data, bytes, channel);
  if (plan_.delay.count() == 0) return work;
  return std::make_unique<SlowWork>(std::move(work), plan_.delay);
}

Board& FaultyTransport::board() {
  return plan_.board_fails ? *broken_board_ : PassingTransport::board();
}

void FaultyTransport::hold() {
  if (plan_.kind == FaultPlan::Kind::kDie) PassingTransport::abort();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return released_; });
}

void FaultyTransport::release() {
  const std::lock_guard lock(mutex_);
  released_ = true;
  changed_.notify_all();
}

}  // namespace byzccl::test
