// SPDX-License-Identifier: MIT
// Messages over the send and recv of a c10d backend, the board over its store.

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "byzccl_torch.hpp"
#include "c10d_piece.hpp"
#include "gloo_backend.hpp"
#include "message_of.hpp"
#include "slots.hpp"
#include "store_board.hpp"
#include "store_host.hpp"
#include "wire.hpp"

namespace byzccl::torch {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBoardLimit{5'000};

bool any_is_lost(std::list<Piece>& pieces) {
  return std::any_of(pieces.begin(), pieces.end(), [](Piece& piece) { return piece.is_lost(); });
}
bool all_are_done(std::list<Piece>& pieces) {
  return std::all_of(pieces.begin(), pieces.end(), [](Piece& piece) { return piece.is_done(); });
}

class SendWork : public Work {
 public:
  explicit SendWork(Slots::Slot closing) : closing_(std::move(closing)) {}
  void wait(Deadline deadline) override {
    for (Piece& piece : pieces) piece.wait(deadline);
  }
  bool is_lost() override { return any_is_lost(pieces); }
  bool is_done() override { return all_are_done(pieces); }

 private:
  const Slots::Slot closing_;

 public:
  std::list<Piece> pieces;  // last: they go before what they are sent from
};

class RecvWork : public Work {
 public:
  RecvWork(const wire::Frame& frame, void* data, Slots::Slot closing)
      : frame_(frame), data_(static_cast<std::byte*>(data)), closing_(std::move(closing)) {}
  void wait(Deadline deadline) override {
    for (Piece& piece : pieces) piece.wait(deadline);
    if (!closing_) return;  // it was waited for already
    const std::string fault = wire::open(frame_, data_, closing_.get());
    if (!fault.empty()) throw ProtocolError(frame_.from, fault);
    closing_.reset();
  }
  bool is_lost() override { return any_is_lost(pieces); }
  bool is_done() override { return all_are_done(pieces); }

 private:
  wire::Frame frame_;
  std::byte* data_;
  Slots::Slot closing_;

 public:
  std::list<Piece> pieces;  // last: they go before what they are received into
};

class NoMessage : public Work {
 public:
  void wait(Deadline) override {}
  bool is_done() override { return true; }
};

class C10dTransport : public Transport {
 public:
  C10dTransport(c10::intrusive_ptr<c10d::Backend> backend,
                const c10::intrusive_ptr<c10d::Store>& store, int store_host)
      : backend_(std::move(backend)),
        store_(store),
        board_(store, kBoardLimit, store_host),
        sent_(static_cast<std::size_t>(backend_->getSize())),
        received_(sent_) {}

  int rank() const override { return backend_->getRank(); }
  int size() const override { return backend_->getSize(); }
  Board& board() override { return board_; }

  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override {
    if (bytes == 0) return std::make_unique<NoMessage>();
    const Way way{peer, channel, number_of(sent_, peer, channel), &c10d::Backend::send};
    const wire::Frame frame = frame_of(rank(), peer, way, bytes);
    Slots::Slot closing = slots_->take();
    wire::close(frame, static_cast<const std::byte*>(data), closing.get());
    std::byte* const place = closing.get();
    auto work = std::make_unique<SendWork>(std::move(closing));
    post(way, static_cast<std::byte*>(const_cast<void*>(data)), place, wire::Layout(bytes),
         wire::Layout(bytes).closing_bytes(), work->pieces);
    return work;
  }

  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override {
    if (bytes == 0) return std::make_unique<NoMessage>();
    const Way way{peer, channel, number_of(received_, peer, channel), &c10d::Backend::recv};
    const wire::Frame frame = frame_of(peer, rank(), way, bytes);
    Slots::Slot closing = slots_->take();
    std::byte* const place = closing.get();
    wire::prepare(bytes, static_cast<std::byte*>(data), place, random_);
    auto work = std::make_unique<RecvWork>(frame, data, std::move(closing));
    post(way, static_cast<std::byte*>(data), place, wire::Layout(bytes), wire::kSlotBytes,
         work->pieces);
    return work;
  }

  void abort() noexcept override {
    std::vector<c10::intrusive_ptr<c10d::Work>> works;
    {
      std::unique_lock lock(traffic_->mutex);
      if (!traffic_->aborted) {
        traffic_->aborted = true;
        for (Posted* posted : traffic_->pending) works.push_back(posted->work);
      }
    }
    for (const auto& work : works) quietly([&] { work->abort(); });
    works.clear();
    close_pairs();
    std::unique_lock lock(traffic_->mutex);
    traffic_->quiet.wait(lock, [&] { return traffic_->waiting == 0; });
    for (Posted* posted : traffic_->pending) works.push_back(std::move(posted->work));
    traffic_->pending.clear();
  }

  void stay_for_others(const std::vector<int>& suspects) noexcept override {
    quietly([&] {
      const auto key = [](int rank) { return concat("byzccl/read/", rank); };
      board_.put(key(rank()), "");
      std::vector<std::string> others;
      for (int peer = 0; peer < size(); ++peer) {
        if (std::find(suspects.begin(), suspects.end(), peer) == suspects.end()) {
          others.push_back(key(peer));
        }
      }
      stay_for_readers(*store_, board_, others, key(rank()));
    });
  }

 private:
  using Start = c10::intrusive_ptr<c10d::Work> (c10d::Backend::*)(std::vector<at::Tensor>&, int,
                                                                  int);

  /// Where a message goes, and the number of its first piece.
  struct Way {
    int peer;
    Channel channel;
    std::uint64_t& number;
    Start start;
  };

  /// Pieces so far, by peer and channel.
  using Numbers = std::vector<std::array<std::uint64_t, 4>>;
  static std::uint64_t& number_of(Numbers& numbers, int peer, Channel channel) {
    return numbers.at(static_cast<std::size_t>(peer)).at(static_cast<std::size_t>(channel));
  }

  /// @throws InvalidArgument  there are too many bytes for one message
  static wire::Frame frame_of(int from, int to, const Way& way, std::size_t bytes) {
    BYZCCL_CHECK(bytes <= wire::kMostBytes, "a message has at most ", wire::kMostBytes,
                 " bytes, got ", bytes);
    return {.channel = way.channel,
            .from = from,
            .to = to,
            .number = way.number + wire::Layout(bytes).pieces,
            .bytes = bytes};
  }

  void post(const Way& way, std::byte* data, std::byte* closing, const wire::Layout& layout,
            std::size_t closing_bytes, std::list<Piece>& pieces) {
    for (std::size_t piece = 0; piece < layout.pieces; ++piece) {
      pieces.emplace_back(traffic_, start(way, data + piece * wire::kPiece, wire::kPiece));
    }
    pieces.emplace_back(traffic_, start(way, closing, closing_bytes));
  }

  /// Each piece has a tag of its own, so that two of one pair can never be mistaken.
  Posted start(const Way& way, std::byte* data, std::size_t bytes) {
    Posted posted{way.peer, {}, {}};
    try {
      std::vector<at::Tensor> tensors{
          at::from_blob(data, {static_cast<std::int64_t>(bytes)}, at::kByte)};
      posted.work = ((*backend_).*way.start)(tensors, way.peer, wire::tag(way.channel, way.number));
    } catch (const std::exception& error) {
      posted.failure = message_of(error);
    }
    ++way.number;
    return posted;
  }

  /// Gloo has no call that closes connections. A wait that runs out of time closes those of the
  /// whole group over one interface, and so the peers learn of it.
  void close_pairs() noexcept {
    if (closed_.exchange(true) || size() < 2) return;
    for (std::size_t set = 0; set < connection_sets(*backend_); ++set) {
      quietly([&] {
        char byte = 0;
        std::vector<at::Tensor> tensors{at::from_blob(&byte, {1}, at::kByte)};
        const int tag = static_cast<int>(wire::kLastTag - set);
        backend_->recv(tensors, (rank() + 1) % size(), tag)->wait(milliseconds(1));
      });
    }
  }

  template <class F>
  static void quietly(F&& f) noexcept {
    try {
      f();
    } catch (const std::exception&) {  // what is closed already cannot be closed, or asked, again
    }
  }

  c10::intrusive_ptr<c10d::Backend> backend_;
  c10::intrusive_ptr<c10d::Store> store_;
  StoreBoard board_;
  std::shared_ptr<Traffic> traffic_ = std::make_shared<Traffic>();
  const std::shared_ptr<Slots> slots_ = std::make_shared<Slots>(wire::kSlotBytes);
  Numbers sent_;
  Numbers received_;
  std::random_device random_;
  std::atomic<bool> closed_{false};
};

}  // namespace

std::shared_ptr<Transport> c10d_transport(c10::intrusive_ptr<c10d::Backend> backend,
                                          const c10::intrusive_ptr<c10d::Store>& store,
                                          int store_host) {
  return std::make_shared<C10dTransport>(std::move(backend), store, store_host);
}

}  // namespace byzccl::torch
