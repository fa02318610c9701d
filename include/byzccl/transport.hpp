// SPDX-License-Identifier: MIT
// How bytes travel between ranks. A transport knows no rule.

#pragma once

#include <byzccl/error.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace byzccl {

class Steps;  // internal: what a collective computes, on the device that its vectors lie on

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

/// A send or receive with one peer failed. Collectives turn it into a TransportError once the ranks
/// have agreed, over the board, whom to name.
class PeerError : public Error {
 public:
  /// As a peer: it is not known who, because messages of several peers move together.
  static constexpr int kAny = -1;

  PeerError(int peer, bool timed_out, const std::string& message)
      : Error(message), peer_(peer), timed_out_(timed_out) {}
  int peer() const noexcept { return peer_; }
  bool timed_out() const noexcept { return timed_out_; }

 private:
  int peer_;
  bool timed_out_;
};

/// A peer sent what no rank that runs this protocol sends.
class ProtocolError : public PeerError {
 public:
  ProtocolError(int peer, const std::string& message) : PeerError(peer, false, message) {}
};

/// Messages of different channels never meet: a receive gets what was sent on its own, so ranks
/// that are out of step cannot take one kind of message for another. Each is a sequence by itself.
enum class Channel : std::uint8_t { kPayload, kHeaders, kEchoes, kAccounts };

/// A send or receive on its way. Destroying it before it is done is allowed only after abort().
class Work {
 public:
  virtual ~Work() = default;
  /// Returns when the buffer may be used again: on a device, by the steps that are enqueued from
  /// now on; then nothing waits here, and poll() tells what goes wrong. @throws PeerError when the
  /// peer is gone, the transport was aborted, or `deadline` has passed.
  virtual void wait(Deadline deadline) = 0;
  /// Whether it can never be done, because the peer is gone. Does not wait; false if not known.
  virtual bool is_lost() { return false; }
  /// Whether it is done. Does not wait; false if not known. Asked only once another Work of the
  /// transport has failed, and before abort(): the answer may end what is still under way.
  virtual bool is_done() { return false; }
};

/// The control path: a few short strings that all ranks can read, even when the data path is gone.
/// It belongs to one group for the life of that group: a new group gets an empty board. Calls may
/// come from any thread, and may throw Error when the board itself cannot be reached.
class Board {
 public:
  virtual ~Board() = default;
  virtual void put(const std::string& key, const std::string& value) = 0;
  /// Never blocks for a key that is not there.
  virtual std::optional<std::string> get(const std::string& key) = 0;
  /// Writes `value` unless the key is there already; returns what stands: the first writer wins.
  virtual std::string put_first(const std::string& key, const std::string& value) = 0;
  /// The rank with whose process the board ends; -1: with none of them, or it is not known.
  virtual int host() const { return -1; }
};

/// Point-to-point messages among `size` ranks. Between two ranks the messages of a channel arrive
/// in the order of the sends. The sizes of a send and its recv are to agree; where they do not, the
/// recv's Work throws a ProtocolError, and nothing of the message counts as received. Calls enqueue
/// and return. One thread at a time, but abort() may come from any.
///
/// A transport is either of the host, which defines the first part alone, or moves what lies on a
/// device; then `data` is device memory, and the second part says how its messages and the steps on
/// that device are ordered.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// `data` must stay until the Work is done. peer != rank; 0 bytes is allowed and moves nothing.
  virtual std::unique_ptr<Work> send(int peer, const void* data, std::size_t bytes,
                                     Channel channel = Channel::kPayload) = 0;
  virtual std::unique_ptr<Work> recv(int peer, void* data, std::size_t bytes,
                                     Channel channel = Channel::kPayload) = 0;
  virtual Board& board() = 0;
  /// Gives up: every pending and later Work fails, here and, once they notice, at the peers. Waits
  /// until no buffer is touched any more, where a device is to let go only so long: let_go() says
  /// whether it has. Never throws; again is a no-op, but for the wait.
  virtual void abort() noexcept = 0;
  /// After a failure that all ranks hold `suspects` responsible for, and abort(): this rank has
  /// read what it needs from the board. If the board ends with its process it stays for a while,
  /// until the others have, too.
  virtual void stay_for_others(const std::vector<int>& /*suspects*/) noexcept {}

  /// The steps for the memory that messages lie in; null: the host's. They belong to one
  /// communicator, and are made before its first message.
  virtual std::unique_ptr<Steps> make_steps();
  /// Messages between these two calls may start together, and none moves before the second. There
  /// is no batch in a batch; a message outside is a batch of its own.
  virtual void start_batch() {}
  virtual void end_batch() {}
  /// What is sent from now on was written, and what is received into was allocated, by steps that
  /// are enqueued by now.
  virtual void await_steps() {}
  /// Where messages from host memory travel, which are waited for one by one.
  virtual Transport& control() { return *this; }
  /// @throws PeerError for what has gone wrong with messages that were waited for
  virtual void poll() {}
  /// After abort(): false while a device may still touch buffers, because it could not be stopped.
  /// Those must stay. Any thread.
  virtual bool let_go() const noexcept { return true; }
  /// While a call waits for peers it calls `check` often, and what that throws ends the wait.
  virtual void interrupt_by(std::function<void()> /*check*/) {}
};

}  // namespace byzccl
