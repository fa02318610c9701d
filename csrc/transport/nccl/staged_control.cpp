// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/staged_control.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "csrc/transport/endpoint.hpp"
#include "csrc/transport/nccl/staging.hpp"

namespace byzccl::nccl {
namespace {

constexpr std::chrono::microseconds kPoll{20};

class StagedWork final : public Work {
 public:
  StagedWork(std::shared_ptr<Link> link, std::shared_ptr<Staging> staging, const Message& message)
      : link_(std::move(link)),
        staging_(std::move(staging)),
        message_(message),
        place_(staging_->take(message.bytes)) {}
  ~StagedWork() override { staging_->give_back(message_.bytes, std::move(place_)); }
  StagedWork(const StagedWork&) = delete;
  StagedWork& operator=(const StagedWork&) = delete;

  void post(Batches& batches) {
    const cudaStream_t stream = link_->streams->comm();
    HostCopy host_copy;
    if (message_.sends) {
      std::memcpy(place_.host.get(), message_.data, message_.bytes);
      cuda::check(cudaMemcpyAsync(place_.device.get(), place_.host.get(), message_.bytes,
                                  cudaMemcpyHostToDevice, stream),
                  "cudaMemcpyAsync");
    } else {
      host_copy = {place_.host.get(), place_.device.get(), message_.bytes};
    }
    batch_ = batches.add({message_.sends, message_.peer, place_.device.get(), message_.bytes},
                         host_copy);
  }

  void wait(Deadline deadline) override {
    BYZCCL_CHECK(batch_->launched, "a message was waited for inside its batch");
    while (!batch_->done.reached()) {
      link_->comm->poll();
      if (Clock::now() > deadline) throw late();
      std::this_thread::sleep_for(kPoll);
    }
    link_->comm->poll();  // abort() lets the event be reached too
    if (!message_.sends) std::memcpy(message_.data, place_.host.get(), message_.bytes);
  }

 private:
  PeerError late() const {
    const std::vector<Message>& all = batch_->messages;
    const bool single = std::all_of(all.begin(), all.end(),
                                    [&](const Message& m) { return m.peer == message_.peer; });
    const std::string who = single ? concat("rank ", message_.peer) : "some rank";
    return {single ? message_.peer : PeerError::kAny, true, who + " did not answer in time"};
  }

  const std::shared_ptr<Link> link_;
  const std::shared_ptr<Staging> staging_;
  const Message message_;
  Staging::Place place_;
  std::shared_ptr<Batch> batch_;
};

/// NCCL's messages are gone with the rank that they waited for.
class NoBoard final : public Board {
 public:
  void put(const std::string&, const std::string&) override { refuse(); }
  std::optional<std::string> get(const std::string&) override { refuse(); }
  std::string put_first(const std::string&, const std::string&) override { refuse(); }

 private:
  [[noreturn]] static void refuse() {
    throw Error("ranks that have nothing but NCCL have no board");
  }
};

class StagedControl final : public Transport {
 public:
  StagedControl(std::shared_ptr<Link> link, int rank, int size)
      : link_(std::move(link)),
        staging_(std::make_shared<Staging>(link_->streams)),
        batches_(link_),
        rank_(rank),
        size_(size) {
    link_->ending->keep(staging_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes, Channel) override {
    return post({true, peer, const_cast<void*>(data), bytes});
  }
  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel) override {
    return post({false, peer, data, bytes});
  }
  void start_batch() override { batches_.start(); }
  void end_batch() override { batches_.end(); }
  Board& board() override { return board_; }
  void abort() noexcept override { link_->comm->abort(); }
  bool let_go() const noexcept override { return link_->comm->let_go(); }

 private:
  std::unique_ptr<Work> post(const Message& message) {
    transport::check_peer(message.peer, rank_, size_);
    if (message.bytes == 0) return std::make_unique<transport::NoMessage>();
    auto work = std::make_unique<StagedWork>(link_, staging_, message);
    work->post(batches_);
    return work;
  }

  const std::shared_ptr<Link> link_;
  const std::shared_ptr<Staging> staging_;
  Batches batches_;
  const int rank_;
  const int size_;
  NoBoard board_;
};

}  // namespace

std::shared_ptr<Transport> staged_control(std::shared_ptr<Link> link, int rank, int size) {
  return std::make_shared<StagedControl>(std::move(link), rank, size);
}

}  // namespace byzccl::nccl
