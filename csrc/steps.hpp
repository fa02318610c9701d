// SPDX-License-Identifier: MIT
// The three steps as an interface: what a collective asks of the device that its buffers are on.
// Steps know no rank.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rule.hpp>
#include <byzccl/rules/decision.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

struct CUstream_st;

namespace byzccl {

/// The same range of columns of n vectors: x[i] points to the first of them in vector i.
struct Rows {
  std::span<const void* const> x;
  std::int64_t columns = 0;
  DType dtype = DType::kFloat32;
  const void* previous = nullptr;  ///< the same of the previous output; null: zeros
};

/// What ranks compare of a vector that all of them hold alike.
struct Digest {
  std::uint64_t value = 0;  ///< of the bytes; never 0
  bool finite = true;       ///< every element is
};

/// A point in the work of a device.
class Mark {
 public:
  virtual ~Mark() = default;
  virtual bool reached() const = 0;
  /// Returns once it is reached. @throws CudaError if it never will be
  virtual void wait() const = 0;
};

/// On the host a call has done its work when it returns, and there are no marks. On a device it
/// enqueues it: the second part says how that is ordered with the caller's work and with messages.
class Steps {
 public:
  virtual ~Steps() = default;

  /// The kind of device and build that fixes the bits of D (RULES section 1), such as "cpu AVX3".
  virtual std::string_view kind() const = 0;

  /// Memory on the device, aligned to 64 bytes; freed with the last owner.
  virtual std::shared_ptr<void> allocate(std::size_t bytes) = 0;
  /// Between two places on the device.
  virtual void copy(void* to, const void* from, std::size_t bytes) = 0;
  /// memory = 0
  virtual void clear(void* memory, std::size_t bytes) = 0;
  /// From the device to the host; waits until it is there, and so for all work before it. Any
  /// thread.
  virtual void read(void* to, const void* from, std::size_t bytes) = 0;

  /// The digest of x [columns].
  virtual Digest digest(const void* x, std::int64_t columns, DType dtype) = 0;

  /// Sums of squared differences over the columns of one shard, between the rows that the plan's
  /// steps make of the vectors and, if the plan has a line more, zero or the previous output: sums
  /// [pairs] float64, pair order of rules::pair_index, tiles of `tile` columns added in ascending
  /// order. Overwrites sums. Values that are not finite stay as they come. decision.scales is read
  /// if the plan needs norms.
  virtual void pairwise_distances(const Plan& plan, const rules::Decision& decision,
                                  const Rows& vectors, std::int64_t tile, double* sums) = 0;

  /// The same for the squared norms of the rows before they are scaled: sums [n].
  virtual void norms(const Plan& plan, const Rows& vectors, std::int64_t tile, double* sums) = 0;

  /// total [sums] += the sum of shards [count, sums], shards added in ascending order first.
  virtual void add_shards(const double* shards, int count, std::size_t sums, double* total) = 0;

  /// decision.scales from norms [n], squared, which become those of the scaled rows; what is not
  /// finite becomes +inf.
  virtual void scale(const Plan& plan, double* norms, const rules::Decision& decision) = 0;

  /// D [lines, n] from pairs [shards, pairs] of `lines` >= n rows, shards added in ascending order:
  /// symmetric in its first n lines, with zeros on their diagonal; what is not finite, or below 0
  /// as no sum of squares is, becomes +inf.
  virtual void spread(const double* pairs, int shards, int lines, int n, double* distances) = 0;

  /// Decides. `distances` is not read unless the plan needs it. Not called when plan.rows is 0.
  virtual void select(const Plan& plan, const double* distances,
                      const rules::Decision& decision) = 0;

  /// out [columns] by the plan's combiner; adds to decision.outcome->nan_columns. A decision that
  /// failed closed gives NaN. `out` may be one of the rows or the previous output; otherwise it
  /// overlaps none.
  virtual void combine(const Plan& plan, const rules::Decision& decision, const Rows& rows,
                       void* out) = 0;

  /// The calling thread enqueues steps from now on, and does so beside any capture of a CUDA graph.
  virtual void use_device() {}
  /// Calls return before their work is done.
  virtual bool enqueues() const { return false; }
  /// Memory that messages may be received into at once, whatever the steps are at. It goes after
  /// the steps that are enqueued when its last owner goes.
  virtual std::shared_ptr<void> allocate_landing(std::size_t bytes) { return allocate(bytes); }
  /// The steps that are enqueued by now; null: they are done.
  virtual std::shared_ptr<const Mark> mark() { return nullptr; }
  /// The same of the caller's work on `stream`. Any thread.
  virtual std::shared_ptr<const Mark> mark_caller(CUstream_st* /*stream*/) { return nullptr; }
  /// Steps and messages from now on come after `mark`, one of mark_caller().
  virtual void await(const Mark& /*mark*/) {}
  /// The caller's work on `stream` from now on comes after `mark`, one of mark(). Any thread.
  virtual void hold_caller(const Mark& /*mark*/, CUstream_st* /*stream*/) {}
};

/// The steps on host memory.
std::unique_ptr<Steps> make_cpu_steps();

}  // namespace byzccl
