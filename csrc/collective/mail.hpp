// SPDX-License-Identifier: MIT
// Messages of bounded size over a transport, counted, each waited for with a deadline.

#pragma once

#include <atomic>
#include <byzccl/communicator.hpp>
#include <byzccl/transport.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "csrc/collective/waits.hpp"

namespace byzccl::collective {

/// Bytes that one rank has moved. Read by any thread.
struct Traffic {
  std::atomic<std::int64_t> sent{0};
  std::atomic<std::int64_t> received{0};
};

/// `bytes` at `data` that go to `peer`, or come from it.
struct Outgoing {
  int peer = 0;
  const void* data = nullptr;
  std::size_t bytes = 0;
};
struct Incoming {
  int peer = 0;
  void* data = nullptr;
  std::size_t bytes = 0;
};

/// Messages that were posted together: those to come, and then those that go.
struct Parcels {
  std::size_t first = 0;
  std::size_t sends = 0;
  std::size_t end = 0;
};

/// What is posted stays in here until it is done or, after a failure, until clear(): a transport
/// may touch a buffer until then, so buffers must outlive the failure too.
class Mail {
 public:
  Mail(Transport& transport, const CommunicatorOptions& options, Traffic& traffic)
      : transport_(transport), options_(options), traffic_(traffic), waits_(transport.size()) {}

  int rank() const { return transport_.rank(); }
  int size() const { return transport_.size(); }
  Transport& transport() { return transport_; }
  const CommunicatorOptions& options() const { return options_; }
  const Traffic& traffic() const { return traffic_; }
  Waits& waits() { return waits_; }

  /// The peer `offset` ranks further on: ranks that go through the offsets in the same order meet a
  /// different peer each, so nobody is the target of all at once.
  int peer(int offset) const { return (rank() + offset + size()) % size(); }

  /// Starts all transfers: parcels larger than chunk_bytes are cut, and the peers take turns.
  /// Finish with wait_through() of the returned mark; each message has the timeout for itself.
  std::size_t post(std::span<const Outgoing> out, std::span<const Incoming> in);
  /// Waits for all that was posted before the mark. @throws PeerError
  void wait_through(std::size_t mark);
  /// From host to host, for short parcels that are none of the payload: none is cut, and none is
  /// empty. To wait for those that came, and for those that went, are the second half.
  Parcels post_uncut(Channel channel, std::span<const Outgoing> out, std::span<const Incoming> in);
  /// Of parcels that no peer sends before it has got something of this rank. Until are_due() nobody
  /// is missing because of them.
  Parcels post_early(Channel channel, std::span<const Incoming> in);
  void are_due(Parcels parcels);
  /// Waits for these, whatever else is under way. Who sends but takes nothing is found by what it
  /// sends first. @throws PeerError
  void wait_received(Parcels parcels, Deadline deadline);
  void wait_sent(Parcels parcels, Deadline deadline);
  /// Of a wait that begins now.
  Deadline deadline() const { return Clock::now() + options_.timeout; }

  /// One message each. They count as moved once they are waited for.
  std::size_t post_send(int peer, const void* data, std::size_t bytes);
  std::size_t post_recv(int peer, void* data, std::size_t bytes);
  /// Waits for what post_* returned; once for each. @throws PeerError
  void wait(std::size_t posted) { wait(posted, deadline()); }

  /// Once a wait has failed: the peers of what is not done, ascending. What is under way may end.
  std::vector<int> missing();
  /// Of these the ones that are known to be gone. Nothing ends.
  std::vector<int> lost();

  /// Forgets everything posted. Only when all of it is done, or the transport aborted.
  void clear();

 private:
  struct Posted {
    int peer;
    std::unique_ptr<Work> work;  ///< null once it was waited for
    std::size_t bytes;
    std::atomic<std::int64_t>* counter;
    bool due = true;
  };

  void wait(std::size_t posted, Deadline deadline);
  void post_cut(Transport& over, Channel channel, std::span<const Outgoing> out,
                std::span<const Incoming> in, std::size_t limit);
  std::size_t keep(int peer, std::unique_ptr<Work> work, std::size_t bytes,
                   std::atomic<std::int64_t>& as);

  Transport& transport_;
  const CommunicatorOptions& options_;
  Traffic& traffic_;
  Waits waits_;
  std::vector<Posted> posted_;
  std::size_t waited_ = 0;  // wait_through() has come so far
};

}  // namespace byzccl::collective
