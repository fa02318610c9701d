// SPDX-License-Identifier: MIT
// The only door to the kernels: raw device pointers, sizes and a stream. Nothing here synchronises,
// allocates, or asks the host what the device decided. Every call throws CudaError if a launch is
// refused.

#pragma once

#include <cuda_runtime_api.h>

#include <byzccl/dtype.hpp>
#include <byzccl/rule.hpp>
#include <byzccl/rules/decision.hpp>
#include <byzccl/rules/digest.hpp>
#include <byzccl/rules/grid.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

namespace byzccl::kernels {

/// Vectors on the device. An element is aligned to its size; the vectors need no more.
struct Vectors {
  std::span<const void* const> x;  ///< on the host: n pointers to device memory, and the previous
                                   ///< output's where a row of W or of D is made of it
  std::int64_t columns = 0;
  DType dtype = DType::kFloat32;
};

/// Rows that kernels form, of the compute type: float64 for float64 vectors, else float32.
struct Formed {
  void* data = nullptr;  ///< [rows, stride]
  std::int64_t stride = 0;
  std::int64_t columns = 0;  ///< in use, at most stride
};

// -------------------------------------------------------------------------------------------------
// distances

/// Bytes of scratch that pairwise_distances() needs.
std::size_t distance_scratch_bytes(int rows, std::int64_t columns, std::int64_t tile);

/// sums [shards, pairs] float64: squared differences between the rows over the columns of each
/// shard, in the order of RULES section 1, pairs as rules::pair_index counts them. The columns are
/// cut into tiles of `tile`, a multiple of 1024, and these into shards as rules::Grid does. A null
/// row is the zero vector; there may be one more row than kMaxVectors for it. Values that are not
/// finite stay as they come.
void pairwise_distances(const Vectors& rows, std::int64_t tile, int shards, double* sums,
                        void* scratch, cudaStream_t stream);

/// The same for the squared norms of the rows: sums [shards, rows].
std::size_t norm_scratch_bytes(int rows, std::int64_t columns, std::int64_t tile);
void norms(const Vectors& rows, std::int64_t tile, int shards, double* sums, void* scratch,
           cudaStream_t stream);

/// sums [grid.n shards, count] from partials [tiles, per_tile, count]: a shard's tiles are added in
/// ascending order, each the sum of its parts in ascending order.
void add_tiles(const double* partials, const rules::Grid& grid, int per_tile, std::int64_t count,
               double* sums, cudaStream_t stream);

/// total [count] += the sum of shards [shard_count, count], added in ascending order first.
void add_shards(const double* shards, int shard_count, std::int64_t count, double* total,
                cudaStream_t stream);

/// decision.scales from the squared norms [n], which become those of the scaled rows.
void scale(const Plan& plan, double* norms, const rules::Decision& decision, cudaStream_t stream);

/// D [lines, n] from pairs [shards, pairs] of `lines` >= n rows, shards added in ascending order;
/// what is no finite sum of squares becomes +inf.
void spread(const double* pairs, int shards, int lines, int n, double* distances,
            cudaStream_t stream);

// -------------------------------------------------------------------------------------------------
// selection

/// Decides by the plan's rule, in one block: rules::select() on the device.
///
/// @param distances  D [lines, n] float64; not read unless plan.needs_distances
/// @param decision   views into device memory of decision_bytes(plan) bytes, 8-byte aligned
/// @param scratch    rules::select_scratch_bytes(plan) bytes of device memory, 8-byte aligned; in
///                   use until the stream has passed
void select(const Plan& plan, const double* distances, const rules::Decision& decision,
            void* scratch, cudaStream_t stream);

// -------------------------------------------------------------------------------------------------
// rows of W

/// Device memory for the lists of `rows` rows, 8-byte aligned.
std::size_t mix_bytes(int rows);

/// Lists the vectors that each of plan.rows rows of W gives weight. The previous output, where the
/// outcome gives it weight, is vector plan.ranks; without one it is zeros, and not listed.
void list_selected(const Plan& plan, const rules::Decision& decision, bool has_previous,
                   void* mixes, cudaStream_t stream);

/// Lists the vectors of each of the plan.n rows that bucketing and scaling make: the rows that D is
/// taken between; has_previous: and, as row plan.n, vector plan.ranks as it is. `scales` is null
/// before the norms are known.
void list_formed(const Plan& plan, const double* scales, bool has_previous, void* mixes,
                 cudaStream_t stream);

/// y = the listed rows over columns [first_column, first_column + y.columns): those that are no
/// single vector as it is, or all of them if `every`; an absent one is +inf then.
void form_rows(const Vectors& vectors, std::int64_t first_column, const void* mixes, int rows,
               bool every, const Formed& y, cudaStream_t stream);

// -------------------------------------------------------------------------------------------------
// combiners

/// out [columns] = the first listed row; NaN if the outcome failed closed or the row is absent.
/// `out` may be one of the vectors; otherwise it overlaps none.
void weighted_sum(const Vectors& vectors, const void* mixes, const rules::Outcome* outcome,
                  void* out, cudaStream_t stream);

/// out [first_column, first_column + y.columns) by a window of the sorted columns; adds to
/// outcome->nan_columns.
///
/// @param mixes  the rows of W, of which form_rows() has filled y; null: the rows are the vectors,
///               only y.columns is read, and so is nothing of the outcome
void combine_columns(const Vectors& vectors, std::int64_t first_column, const Window& window,
                     const void* mixes, const Formed& y, rules::Outcome* outcome, void* out,
                     cudaStream_t stream);

// -------------------------------------------------------------------------------------------------
// previous outputs

/// *sums += what the digest of x [columns] adds up, on the device; start from zeros. `copy`, if it
/// is not null, becomes x.
void digest(const void* x, std::int64_t columns, DType dtype, rules::DigestSums* sums, void* copy,
            cudaStream_t stream);

/// x [columns] = 0 if *sums counts an element that is not finite.
void clear_odd(void* x, std::int64_t columns, DType dtype, const rules::DigestSums* sums,
               cudaStream_t stream);

}  // namespace byzccl::kernels
