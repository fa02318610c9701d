// SPDX-License-Identifier: MIT
// Two threads for each other rank, around the state that they share.

#include <byzccl/node.hpp>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "csrc/node/lines.hpp"
#include "csrc/node/state.hpp"

namespace byzccl {

using node::Fate;
using node::Frame;
using node::Shape;

namespace {

class SteadyClock final : public NodeClock {
 public:
  Deadline now() override { return Clock::now(); }
  void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
            Deadline moment) override {
    changed.wait_until(lock, moment);
  }
};

Shape checked(const Transport& transport, std::int64_t count, DType dtype,
              const NodeOptions& options) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 8;
  BYZCCL_CHECK(count >= 0 && count <= kMost, "count must be 0 to ", kMost, ", got ", count);
  BYZCCL_CHECK(options.kinds >= 1 && options.kinds <= 64, "kinds must be 1 to 64, got ",
               options.kinds);
  BYZCCL_CHECK(options.kept >= 1 && options.kept <= 1024, "kept must be 1 to 1024, got ",
               options.kept);
  BYZCCL_CHECK(options.unsent >= 1 && options.unsent <= 1024, "unsent must be 1 to 1024, got ",
               options.unsent);
  BYZCCL_CHECK(transport.size() >= 1, "a transport of no rank");
  return {count, dtype, options.kinds, options.kept, options.unsent};
}

std::shared_ptr<Transport> of_host(std::shared_ptr<Transport> transport) {
  BYZCCL_CHECK(transport != nullptr, "a node needs a transport");
  BYZCCL_CHECK(&transport->control() == transport.get(),
               "a node's vectors lie in the host's memory, and the transport moves a device's");
  return transport;
}

}  // namespace

class Node::Impl {
 public:
  Impl(std::shared_ptr<Transport> transport, std::int64_t count, DType dtype, NodeOptions options)
      : state_(transport->rank(), transport->size(), checked(*transport, count, dtype, options)),
        vector_bytes_(static_cast<std::size_t>(count) * size_of(dtype)),
        lines_(std::move(transport), vector_bytes_),
        clock_(options.clock ? std::move(options.clock) : std::make_shared<SteadyClock>()),
        outgoing_(
            std::make_unique<std::condition_variable[]>(static_cast<std::size_t>(state_.size()))) {
    try {
      for (int peer = 0; peer < state_.size(); ++peer) {
        if (peer == state_.rank()) continue;
        threads_.emplace_back([this, peer] { send_all(peer); });
        threads_.emplace_back([this, peer] { receive_all(peer); });
      }
    } catch (...) {
      close();
      throw;
    }
  }
  ~Impl() { close(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const node::State& state() const { return state_; }
  const node::Lines& lines() const { return lines_; }

  void publish(int kind, std::int64_t step, const void* x, const std::vector<int>& to) {
    {
      const std::lock_guard lock(mutex_);
      check_open();
      state_.check(kind, step, to);
      BYZCCL_CHECK(x != nullptr || vector_bytes_ == 0, "x is null");
    }
    const std::shared_ptr<void> copy = lines_.room();
    if (vector_bytes_ > 0) std::memcpy(copy.get(), x, vector_bytes_);
    const std::lock_guard lock(mutex_);
    check_open();
    state_.publish(kind, step, copy, to);
    for (const int peer : to) outgoing_[peer].notify_one();
  }

  Collected collect(const Quorum& quorum, Deadline deadline) {
    std::unique_lock lock(mutex_);
    await(lock, quorum, deadline);
    std::optional<Collected> collected = state_.inbox().take(quorum);
    if (!collected) {
      throw state_.inbox().failure(quorum, state_.inbox().can_come(quorum));
    }
    notify_senders();
    return *std::move(collected);
  }

  bool wait(const Quorum& quorum, Deadline deadline) {
    std::unique_lock lock(mutex_);
    return await(lock, quorum, deadline);
  }

  bool flush(Deadline deadline) {
    std::unique_lock lock(mutex_);
    check_open();
    state_.flush();
    notify_senders();
    return wait_until(lock, deadline, [this] { return state_.is_flushed(); });
  }

  std::vector<PeerAccount> accounts() const {
    const std::lock_guard lock(mutex_);
    return state_.inbox().accounts();
  }

  void close() noexcept {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
      incoming_.notify_all();
      notify_senders();
    }
    lines_.transport().abort();
    const std::lock_guard lock(joining_);
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

 private:
  void check_open() const {
    if (closed_) throw Error("the node is closed");
  }

  void notify_senders() {
    for (int peer = 0; peer < state_.size(); ++peer) outgoing_[peer].notify_one();
  }

  /// Whether `done`, at `deadline` at the latest. @throws Error once the node is closed
  template <class Done>
  bool wait_until(std::unique_lock<std::mutex>& lock, Deadline deadline, const Done& done) {
    while (true) {
      check_open();
      if (done()) return true;
      if (clock_->now() >= deadline) return false;
      clock_->wait(incoming_, lock, deadline);
    }
  }

  /// Whether the quorum is there, or cannot be any more.
  bool await(std::unique_lock<std::mutex>& lock, const Quorum& quorum, Deadline deadline) {
    check_open();
    const node::Inbox& inbox = state_.inbox();
    inbox.check(quorum);
    state_.inbox().begin(quorum);
    notify_senders();
    return wait_until(lock, deadline, [&] { return inbox.has(quorum) || !inbox.can_come(quorum); });
  }

  // A thread ends with its peer, or when the node is closed, and with nothing else.

  void send_all(int peer) noexcept {
    try {
      while (const std::optional<node::Outgoing> outgoing = next(peer))
        lines_.send(peer, *outgoing);
    } catch (const std::exception&) {  // who is gone is said by what receives
      const std::lock_guard lock(mutex_);
      state_.close_outbox(peer);
      incoming_.notify_all();
    }
  }

  void receive_all(int peer) noexcept {
    std::string why;
    try {
      while (why.empty()) why = receive(peer);
    } catch (const std::exception& error) {
      why = error.what();
    }
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    state_.lose(peer, why);
    incoming_.notify_all();
    outgoing_[peer].notify_one();
  }

  /// What is to be sent next; nothing once there is no more.
  std::optional<node::Outgoing> next(int peer) {
    std::unique_lock lock(mutex_);
    outgoing_[peer].wait(lock,
                         [&] { return closed_ || state_.is_gone(peer) || state_.has_next(peer); });
    return closed_ ? std::nullopt : state_.next(peer);
  }

  /// One message. Returns why there is to be no other; "": go on.
  std::string receive(int peer) {
    Frame frame;
    lines_.receive(peer, frame);
    node::Incoming incoming;
    {
      const std::lock_guard lock(mutex_);
      incoming = state_.header(peer, frame);
      incoming_.notify_all();
      outgoing_[peer].notify_one();
    }
    if (!incoming.vector_follows) return incoming.fault;
    std::shared_ptr<void> vector = lines_.room();
    lines_.receive(peer, vector.get());
    const std::lock_guard lock(mutex_);
    state_.arrive(peer, frame, incoming.fate,
                  incoming.fate == Fate::kKeep ? std::move(vector) : nullptr);
    incoming_.notify_all();
    outgoing_[peer].notify_one();
    return "";
  }

  mutable std::mutex mutex_;
  node::State state_;
  const std::size_t vector_bytes_;
  node::Lines lines_;
  const std::shared_ptr<NodeClock> clock_;
  std::condition_variable incoming_;                     // whoever waits for other ranks
  std::unique_ptr<std::condition_variable[]> outgoing_;  // [rank]: its sender
  bool closed_ = false;
  std::mutex joining_;
  std::vector<std::thread> threads_;
};

Node::Node(std::shared_ptr<Transport> transport, std::int64_t count, DType dtype,
           NodeOptions options)
    : impl_(std::make_unique<Impl>(of_host(std::move(transport)), count, dtype,
                                   std::move(options))) {}

Node::~Node() = default;

int Node::rank() const { return impl_->state().rank(); }
int Node::size() const { return impl_->state().size(); }
std::int64_t Node::count() const { return impl_->state().shape().count; }
DType Node::dtype() const { return impl_->state().shape().dtype; }

void Node::publish(int kind, std::int64_t step, const void* x, const std::vector<int>& to) {
  impl_->publish(kind, step, x, to);
}
Collected Node::collect(const Quorum& quorum, Deadline deadline) {
  return impl_->collect(quorum, deadline);
}
bool Node::wait(const Quorum& quorum, Deadline deadline) { return impl_->wait(quorum, deadline); }
bool Node::flush(Deadline deadline) { return impl_->flush(deadline); }
std::vector<PeerAccount> Node::accounts() const { return impl_->accounts(); }
std::int64_t Node::bytes_sent() const { return impl_->lines().bytes_sent(); }
std::int64_t Node::bytes_received() const { return impl_->lines().bytes_received(); }
void Node::close() noexcept { impl_->close(); }

}  // namespace byzccl
