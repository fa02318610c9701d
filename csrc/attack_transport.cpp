// SPDX-License-Identifier: MIT
#include <byzccl/attack_transport.hpp>
#include <byzccl/error.hpp>
#include <cstring>
#include <utility>
#include <vector>

#include "csrc/attack_columns.hpp"
#include "csrc/attack_manifest.hpp"
#include "csrc/attack_table.hpp"
#include "csrc/cpu/float_mode.hpp"

namespace byzccl {
namespace {

using attacks::Content;

using Message = std::vector<std::byte>;

// Keeps the altered copy for as long as it may be read.
class AlteredWork final : public Work {
 public:
  AlteredWork(Message message, Transport& transport, int peer)
      : message_(std::move(message)),
        inner_(transport.send(peer, message_.data(), message_.size())) {}
  void wait(Deadline deadline) override { inner_->wait(deadline); }
  bool is_lost() override { return inner_->is_lost(); }
  bool is_done() override { return inner_->is_done(); }

 private:
  Message message_;
  std::unique_ptr<Work> inner_;
};

void multiply(double factor, DType dtype, Message& message) {
  if (message.size() % size_of(dtype) != 0) {
    throw Error(concat("an adversary cannot alter ", message.size(), " bytes of ", to_text(dtype),
                       ": chunk_bytes must be a multiple of the element's size"));
  }
  const cpu::FloatMode mode;
  with_dtype(dtype, [&](auto type) {
    using T = typename decltype(type)::type;
    const auto count = static_cast<std::int64_t>(message.size() / sizeof(T));
    for (std::int64_t c = 0; c < count; ++c) {
      const T value = attacks::round_once<T>(factor * attacks::load<T>(message.data(), c));
      std::memcpy(message.data() + static_cast<std::size_t>(c) * sizeof(T), &value, sizeof(T));
    }
  });
}

class DeceivingTransport final : public Transport {
 public:
  DeceivingTransport(std::shared_ptr<Transport> inner, const Attack& attack)
      : inner_(std::move(inner)), kind_(attack.kind), factor_(-*attack.scale) {
    for (int peer = 0; peer < size(); ++peer) manifests_.emplace_back(rank(), peer, size());
  }

  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  Board& board() override { return inner_->board(); }
  void abort() noexcept override { inner_->abort(); }
  std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes, Channel channel) override {
    return inner_->recv(peer, data, bytes, channel);
  }

  std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                             Channel channel) override {
    attacks::Manifest& manifest = manifests_[static_cast<std::size_t>(peer)];
    if (channel == Channel::kHeaders) manifest.read(data, bytes);
    if (channel != Channel::kPayload || bytes == 0) return inner_->send(peer, data, bytes, channel);
    const Content content = manifest.next(bytes);
    if (!alters(content, peer)) return inner_->send(peer, data, bytes);
    const auto* const begin = static_cast<const std::byte*>(data);
    Message message(begin, begin + bytes);
    multiply(factor_, manifest.dtype(), message);
    return std::make_unique<AlteredWork>(std::move(message), *inner_, peer);
  }

 private:
  bool alters(Content content, int peer) const {
    if (kind_ == AttackKind::kTamper) {
      return content == Content::kRelayed || content == Content::kCombined;
    }
    const int offset = (peer - rank() + size()) % size();
    return content == Content::kOwn && offset % 2 == 1;
  }

  const std::shared_ptr<Transport> inner_;
  const AttackKind kind_;
  const double factor_;
  std::vector<attacks::Manifest> manifests_;  // by peer
};

}  // namespace

std::shared_ptr<Transport> deceiving_transport(std::shared_ptr<Transport> inner,
                                               const Attack& attack) {
  BYZCCL_CHECK(inner != nullptr, "a deceiving transport needs a transport");
  BYZCCL_CHECK(&inner->control() == inner.get(),
               "a deceiving transport alters messages in host memory, not on a device");
  const attacks::Row& row = attacks::row_of(attack.kind);
  BYZCCL_CHECK(row.on_messages, row.name,
               " does not act on messages: it is a function of the honest vectors");
  return std::make_shared<DeceivingTransport>(std::move(inner), attacks::complete(attack));
}

}  // namespace byzccl
