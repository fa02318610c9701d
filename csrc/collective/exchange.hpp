// SPDX-License-Identifier: MIT
// One exchange as one rank carries it out. What the algorithms share is here; how vectors travel,
// and who combines which columns, is theirs (sharded.hpp, ring.hpp).

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <future>
#include <memory>
#include <mutex>
#include <vector>

#include "csrc/collective/call.hpp"
#include "csrc/collective/echoes.hpp"
#include "csrc/collective/findings.hpp"
#include "csrc/collective/mail.hpp"
#include "csrc/collective/phases.hpp"
#include "csrc/steps.hpp"

namespace byzccl::collective {

/// What an exchange works with; all of it outlives the exchange.
struct Tools {
  Mail& mail;
  Echoes& echoes;
  Steps& steps;
  Phases& phases;
};

/// Before each add() and finish() this rank has got the same header from all, and has echoed them:
/// both settle the echoes before they write a result. A rule with norms or
/// distances keeps the vectors until finish(), decides over all adds, and then writes the results;
/// any other rule combines each add at once, and writes its result before add() returns. Where
/// steps enqueue, so do these: nothing here waits for a device or reads what it decided.
///
/// After a PeerError the object must stay until the transport has been aborted: messages may still
/// be landing in its buffers.
class Exchange {
 public:
  Exchange(const Tools& tools, const Call& call, const Plan& plan);
  virtual ~Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void add(const Bucket& bucket);
  /// Of some add the previous output is not finite: all of it stands for zeros. Before finish().
  void forget_previous() { forgets_previous_ = true; }
  void finish();
  /// After finish().
  Findings findings() const;

 protected:
  /// One add and what this rank holds of it.
  struct Held {
    int index = 0;  ///< adds before this one
    Bucket bucket;
    rules::Grid grid;
    std::shared_ptr<void> memory;   ///< of the vectors that came from peers
    std::vector<const void*> rows;  ///< [n] each vector at column `range.begin`; own: in place
    Range range;                    ///< columns that this rank holds of every vector
    std::shared_ptr<void> sums;     ///< float64 of the own shard [sums], or [ranks, sums] in a ring
    int summed = 0;                 ///< shards that are in these
    std::shared_ptr<void> combined;  ///< the own shard's result where it has no place in `out`
    std::size_t posted = 0;          ///< the mail's mark behind the messages of deliver()

    std::size_t bytes(std::int64_t columns) const {
      return static_cast<std::size_t>(columns) * size_of(bucket.dtype);
    }
    /// The columns of the caller's vector from `column` on.
    const std::byte* own(std::int64_t column) const {
      return static_cast<const std::byte*>(bucket.x) + bytes(column);
    }
    /// All vectors from `column` of `range` on; `x` is what they point into.
    Rows part(std::int64_t column, std::int64_t columns, std::vector<const void*>& x) const;
  };

  /// Exchanges the vectors: fills memory, rows and range. Waits for none before the echoes.
  virtual void collect(Held& held) = 0;
  /// Adds up the norms or distances over the columns that this rank holds. The first pass runs
  /// beside later adds. What sum_shard() gave during collect() need not be summed again.
  virtual void measure(Held& held) = 0;
  /// Completes total() over all adds, in shard order and then in the order of the adds.
  virtual void add_up(std::deque<Held>& all) = 0;
  /// Combines, and posts the messages that bring the wanted columns of the result to bucket.out.
  virtual void deliver(Held& held) = 0;
  /// Whether combine() sees every column on this rank.
  virtual bool sees_all_columns() const = 0;
  /// The columns that `rank` combines.
  virtual Range combined_by(int rank, const Held& held) const = 0;

  /// Moves all of it, the echoes first. @throws as Echoes::settle()
  void exchange(std::span<const Outgoing> out, std::span<const Incoming> in);
  /// Waits for what measures. Every algorithm's destructor begins with it.
  void join() noexcept;
  /// Combines columns of `range`, which lies within held.range.
  void combine(const Held& held, Range range, void* out);
  Range wanted_by(int rank, const Held& held) const { return wanted(call_, held.grid, rank); }
  /// What one pass adds up for a shard: squared norms, or squared distances.
  std::size_t sums_count() const;
  std::size_t sums_bytes() const { return sums_count() * sizeof(double); }
  /// sums [sums_count()] over `columns` columns from `column` of held.range on.
  void sum_shard(const Held& held, std::int64_t column, std::int64_t columns, double* sums);
  double* total() const { return static_cast<double*>(total_.get()); }
  /// The vectors are kept until finish(): norms or distances decide.
  bool keeps_vectors() const { return plan_.needs_norms || plan_.needs_distances; }

  const Tools tools_;
  const Call& call_;
  Plan plan_;

 private:
  std::int64_t columns() const;
  void await_result(Held& held);
  void measure_later(Held& held);
  void measure_all();
  Held* next_unmeasured();
  void drop_previous();
  void scale();
  void measure_again();
  void narrow();
  void decide();
  bool combines(int rank) const;
  void gather_nan_columns();

  std::deque<Held> held_;
  bool measures_norms_ = false;  // what the pass adds up
  bool forgets_previous_ = false;
  std::shared_ptr<void> total_;      // [sums] float64 over all adds
  std::shared_ptr<void> norms_;      // [n] squared, of the scaled rows
  std::shared_ptr<void> distances_;  // D [lines, n]
  std::shared_ptr<void> decision_memory_;
  rules::Decision decision_;
  std::shared_ptr<void> nan_columns_;  // as Findings
  std::mutex mutex_;
  std::deque<Held*> unmeasured_;
  bool measuring_ = false;      // a thread is at it; stays so if it failed
  std::future<void> measured_;  // what the last such thread came to
};

std::unique_ptr<Exchange> make_sharded(const Tools& tools, const Call& call, const Plan& plan);
std::unique_ptr<Exchange> make_ring(const Tools& tools, const Call& call, const Plan& plan);

}  // namespace byzccl::collective
