// SPDX-License-Identifier: MIT
// Robust collectives among ranks.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/report.hpp>
#include <byzccl/rule.hpp>
#include <byzccl/transport.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct CUstream_st;  // cudaStream_t is a pointer to it

namespace byzccl {

enum class Algorithm : std::uint8_t {
  kSharded,  ///< sends 2 (n-1)/n d; each rank combines the columns that it owns
  kRing,     ///< sends (n-1) d; every rank sees every vector, and there is no aggregator to lie
};

/// "sharded" or "ring", both ways. @throws InvalidArgument
std::string_view to_text(Algorithm algorithm);
Algorithm parse_algorithm(std::string_view text);

struct CommunicatorOptions {
  Algorithm algorithm = Algorithm::kSharded;
  /// How long one rank may keep the others waiting before they give up and name it.
  std::chrono::milliseconds timeout{300'000};
  /// Most bytes of one message. No result depends on it.
  std::size_t chunk_bytes = std::size_t{4} << 20;
  /// Told, once a call and peer, of a peer that has kept this rank waiting for a tenth of the
  /// timeout (at least a second, or half of a timeout that is shorter than two): "rank 2 is 30 s
  /// late (step 12, all_reduce krum(f=1)); rank 0 gives it 300 s". It runs on a thread of the
  /// communicator, which waits for it to end; what it throws is swallowed. Null: nobody is told.
  std::function<void(const std::string&)> warn = {};
};

/// A reduction that may still be under way.
///
/// On a CUDA device wait() returns once all of it is enqueued, and the caller's stream comes after
/// it: neither waits for the device. If it fails there, later calls throw, and so does wait()
/// again.
class Pending {
 public:
  class State;
  explicit Pending(std::shared_ptr<State> state);
  /// Returns when the result is there. @throws what the reduction threw, each time.
  void wait();
  /// On a CUDA device: the same for `stream` instead of the one that the call was ordered with.
  void wait(CUstream_st* stream);
  /// Waits for the other ranks for at most `time`: whether wait() would not wait for them any more.
  bool wait_for(std::chrono::milliseconds time) const;
  /// wait() would not wait, nor report(): the result is there, on a device too, or an error is. A
  /// device that does not say how far it is counts as not done.
  bool done() const;
  /// Whether x and `previous` may still be read or written. They may after an error as well, if a
  /// device could not be made to let go; then they must stay, for good if this stays true.
  bool in_use() const;
  /// What this reduction says about itself; waits first, for the device too.
  Report report();

 private:
  std::shared_ptr<State> state_;
};

/// One reduction in pieces: add() each bucket as it becomes ready, then finish(). The selection is
/// made once, over all that was added.
class Exchange {
 public:
  class State;
  explicit Exchange(std::shared_ptr<State> state);
  /// Starts to exchange x [d] and returns. x must stay untouched until finish() is done; then it
  /// holds the result. Adds may differ in dtype: each is measured and combined in its own.
  ///
  /// `previous` [d], for a rule that needs it, is what the last exchange made of these columns,
  /// alike on all ranks; null stands for zeros, and so does all of it where an element is not
  /// finite. It must stay untouched, too, and does not overlap x.
  /// @throws InvalidArgument  a mistake: the exchange is over, on all ranks. What was added before
  /// may be touched until a later call of the communicator is done, or until that is destroyed.
  void add(void* x, std::int64_t d, DType dtype, const void* previous = nullptr);
  /// No more adds. Call once.
  Pending finish();
  /// Ends the exchange for a mistake that the caller found: the others learn of it, not wait.
  void refuse(std::string_view mistake);

 private:
  std::shared_ptr<State> state_;
};

/// A rank's end of a group that reduces by robust rules. Work is done in the order of the calls, by
/// one thread of its own. All ranks make the same calls in the same order; where they do not, every
/// rank gets a MismatchError that lists who sent what, or, if a rank does not answer in time, a
/// TransportError that names it. After a TransportError the communicator cannot be used again.
class Communicator {
 public:
  explicit Communicator(std::shared_ptr<Transport> transport, CommunicatorOptions options = {});
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const;
  int size() const;
  Algorithm algorithm() const;

  /// x [d] becomes the aggregate of all ranks' x, the same bits on every rank. `previous` as in
  /// Exchange::add; the other calls have none, so it is zero there.
  Pending all_reduce(void* x, std::int64_t d, DType dtype, const Rule& rule,
                     const void* previous = nullptr);
  /// x [d] becomes the aggregate on rank `root`; elsewhere x is left as it was.
  Pending reduce(void* x, std::int64_t d, DType dtype, const Rule& rule, int root);
  /// out [d / n] becomes columns [rank d / n, (rank + 1) d / n) of the aggregate. d is a multiple
  /// of n; out lies outside x or at this rank's columns of it; x is otherwise left as it was.
  Pending reduce_scatter(const void* x, void* out, std::int64_t d, DType dtype, const Rule& rule);

  /// Opens an exchange. One at a time: the next begin() comes after finish().
  Exchange begin(const Rule& rule);

  /// On a CUDA device: calls from now on take x in the order of `stream`, and results are there in
  /// its order after wait(). At first it is the default stream.
  void use_stream(CUstream_st* stream);

  /// Bytes of headers and payload that this rank has received and sent so far, over all exchanges.
  /// May be read at any time, also while an exchange is under way.
  std::int64_t bytes_received() const;
  std::int64_t bytes_sent() const;

  /// Gives up: whatever is under way fails with a TransportError that carries `reason`.
  void abort(std::string_view reason) noexcept;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace byzccl
