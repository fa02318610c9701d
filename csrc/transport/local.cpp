// SPDX-License-Identifier: MIT
// Ranks that are threads: a mailbox for each ordered pair, and a board that is a map.

#include <byzccl/local_transport.hpp>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "csrc/transport/endpoint.hpp"
#include "csrc/transport/mailbox.hpp"

namespace byzccl {
namespace {

using transport::check_peer;
using transport::Mailbox;
using transport::NoMessage;
using transport::Receipt;

class LocalBoard final : public Board {
 public:
  void put(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    notes_[key] = value;
  }
  std::optional<std::string> get(const std::string& key) override {
    const std::lock_guard lock(mutex_);
    const auto note = notes_.find(key);
    return note == notes_.end() ? std::nullopt : std::optional(note->second);
  }
  std::string put_first(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    return notes_.try_emplace(key, value).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> notes_;
};

/// What the ends of a group share.
struct Group {
  explicit Group(int ranks)
      : size(ranks), boxes(std::make_unique<Mailbox[]>(static_cast<std::size_t>(ranks) * ranks)) {}
  Mailbox& box(int from, int to) { return boxes[static_cast<std::size_t>(from) * size + to]; }

  int size;
  std::unique_ptr<Mailbox[]> boxes;  // [from, to]
  LocalBoard board;
};

/// Messages are copied when they are sent, so a send is done at once, or never.
class SendWork final : public Work {
 public:
  SendWork(int peer, bool sent) : peer_(peer), sent_(sent) {}
  void wait(Deadline) override {
    if (!sent_) throw PeerError(peer_, false, concat("rank ", peer_, " closed the connection"));
  }
  bool is_lost() override { return !sent_; }
  bool is_done() override { return sent_; }

 private:
  int peer_;
  bool sent_;
};

class RecvWork final : public Work {
 public:
  RecvWork(std::shared_ptr<Group> group, int from, int to, std::shared_ptr<Receipt> receipt)
      : group_(std::move(group)), from_(from), to_(to), receipt_(std::move(receipt)) {}
  void wait(Deadline deadline) override {
    group_->box(from_, to_).wait(*receipt_, from_, deadline);
  }
  bool is_lost() override { return group_->box(from_, to_).is_lost(*receipt_); }
  bool is_done() override { return group_->box(from_, to_).is_filled(*receipt_); }

 private:
  std::shared_ptr<Group> group_;
  int from_;
  int to_;
  std::shared_ptr<Receipt> receipt_;
};

class LocalTransport final : public Transport {
 public:
  LocalTransport(std::shared_ptr<Group> group, int rank) : group_(std::move(group)), rank_(rank) {}
  ~LocalTransport() override { LocalTransport::abort(); }
  LocalTransport(const LocalTransport&) = delete;
  LocalTransport& operator=(const LocalTransport&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return group_->size; }

  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override {
    check_peer(peer, rank_, size());
    const bool sent = bytes == 0 || group_->box(rank_, peer).send(data, bytes, channel);
    return std::make_unique<SendWork>(peer, sent);
  }

  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override {
    check_peer(peer, rank_, size());
    if (bytes == 0) return std::make_unique<NoMessage>();
    return std::make_unique<RecvWork>(group_, peer, rank_,
                                      group_->box(peer, rank_).recv(data, bytes, channel));
  }

  Board& board() override { return group_->board; }

  void abort() noexcept override {
    for (int peer = 0; peer < group_->size; ++peer) {
      group_->box(rank_, peer).close_sender();
      group_->box(peer, rank_).close_receiver();
    }
  }

 private:
  std::shared_ptr<Group> group_;
  int rank_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> local_transports(int n) {
  BYZCCL_CHECK(n >= 1 && n <= 256, "a group has 1 to 256 ranks, got ", n);
  const auto group = std::make_shared<Group>(n);
  std::vector<std::shared_ptr<Transport>> ends;
  for (int rank = 0; rank < n; ++rank) {
    ends.push_back(std::make_shared<LocalTransport>(group, rank));
  }
  return ends;
}

}  // namespace byzccl
