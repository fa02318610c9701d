// SPDX-License-Identifier: MIT
// Asynchronous messages among ranks: tagged vectors are published, and the first q of a step are
// collected. What systems of replicated servers and gossip are made of (docs/node.md).

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/error.hpp>
#include <byzccl/transport.hpp>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace byzccl {

/// What deadlines are measured by, and how a node waits for them. A test may bring its own.
class NodeClock {
 public:
  virtual ~NodeClock() = default;
  virtual Deadline now() = 0;
  /// Returns when `changed` was notified, at `moment` by this clock at the latest, or earlier.
  virtual void wait(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                    Deadline moment) = 0;
};

struct NodeOptions {
  /// Kinds of vectors are 0 .. kinds - 1; 1 to 64. Each has a sequence of steps of its own.
  int kinds = 8;
  /// Vectors of one kind and sender that may wait here to be collected; 1 to 1024. The sender keeps
  /// back what comes after them. Alike on all ranks, as is `kinds`.
  int kept = 4;
  /// Vectors of one kind that may wait here to leave for one receiver; 1 to 1024. Where there are
  /// as many, a newer one takes the place of the oldest. With 2, ranks that need each other in
  /// every step never miss one, however slow the network is.
  int unsent = 2;
  /// Null: the steady clock.
  std::shared_ptr<NodeClock> clock = {};
};

/// What collect() is to wait for.
struct Quorum {
  int kind = 0;
  std::int64_t step = 0;
  /// Vectors, each of another rank; 1 up to the number of sources, and of `own`.
  int q = 1;
  /// Ranks that count, in any order, each once; empty: all others. This one may be among them where
  /// `own` is given.
  std::vector<int> sources = {};
  /// This rank's own vector [count], which is then one of the q; it is not copied.
  std::optional<const void*> own = {};
};

/// The vectors of a quorum, in the order of their ranks. They stay as long as their owners.
struct Collected {
  std::vector<int> ranks;                           ///< [q], ascending
  std::vector<const void*> rows;                    ///< [q], as aggregate() takes them
  std::vector<std::shared_ptr<const void>> owners;  ///< of all rows but the own one, in their order
};

/// What a node has seen of a rank; of itself nothing.
struct PeerAccount {
  /// Nothing comes from it or goes to it any more, and `why`. A rank that sent what no node sends
  /// was cut off.
  bool gone = false;
  std::string why = {};
  /// Vectors that were dropped unused: collect() had their step, or was asked for a later one.
  std::int64_t late = 0;
  /// Vectors that were dropped because their step does not come after one that came before.
  std::int64_t replayed = 0;
};

/// A rank's end of a group whose ranks send each other vectors of `count` elements of one dtype,
/// each when it likes. Two threads for each other rank; no memory beyond, in vectors,
/// (size - 1) kinds kept that wait to be collected, (size - 1) (kinds unsent + 1) that wait to be
/// sent, and one for each other rank that is on its way here.
///
/// A rank that is dead, stopped or slow, floods, or sends what no node sends, costs the others its
/// vote alone: no call waits for it but collect(), until its deadline, where the quorum needs it.
/// Values are data. Any thread may call.
class Node {
 public:
  /// `transport` serves this node alone, and moves the memory of the host.
  /// @throws InvalidArgument
  Node(std::shared_ptr<Transport> transport, std::int64_t count, DType dtype,
       NodeOptions options = {});
  /// As close().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  int rank() const;
  int size() const;
  std::int64_t count() const;
  DType dtype() const;

  /// Copies x [count] once, and returns: it leaves for each rank of `to` when that one has room.
  /// Where `unsent` of its kind have not left for a rank yet, it replaces the oldest of them.
  ///
  /// @param step  at least 0; for each kind and receiver it rises from call to call
  /// @param to    other ranks, each once; those that are gone are passed over
  /// @throws InvalidArgument, and then nothing is sent; Error after close()
  void publish(int kind, std::int64_t step, const void* x, const std::vector<int>& to);

  /// The first q vectors of that kind and step. Of each source and kind, steps are collected in
  /// rising order: what comes before the step that is asked for is dropped and counted as late, and
  /// once a quorum was had, so is what else there is of its step.
  ///
  /// @throws QuorumError at `deadline`; as soon as so many sources are gone, or have passed the
  ///         step, that q can no longer be had; or once as many as are needed have reached a later
  ///         step, so that the others have gone on without this node. Nothing of the step itself is
  ///         dropped then
  /// @throws InvalidArgument; Error once the node is closed
  Collected collect(const Quorum& quorum, Deadline deadline);

  /// Waits as collect() does, and takes nothing of the step: whether collect() would return or
  /// throw at once. What comes before the step is dropped as by collect().
  bool wait(const Quorum& quorum, Deadline deadline);

  /// Waits until all that was published before the call has arrived at all ranks that are not gone:
  /// whether it has, at `deadline` at the latest. close() drops what has not left, so flush first.
  /// Arrived is not collected; a receiver that has no room is waited for.
  bool flush(Deadline deadline);

  /// By rank.
  std::vector<PeerAccount> accounts() const;
  /// Headers and vectors so far.
  std::int64_t bytes_sent() const;
  std::int64_t bytes_received() const;

  /// Aborts the transport and joins the threads; the others see this rank as gone. Calls that wait
  /// throw Error. Again is a no-op.
  void close() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace byzccl
