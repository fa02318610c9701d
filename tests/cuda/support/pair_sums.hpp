// SPDX-License-Identifier: MIT
// The sums that the distance kernels give, with a check that nothing beside them is written.

#pragma once

#include <byzccl/rules/grid.hpp>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "kernels/launch.hpp"
#include "support/catch.hpp"
#include "tests/cuda/support/device_rows.hpp"

namespace byzccl::test {

/// Vectors on the device, on a stream of their own.
class PairSums {
 public:
  PairSums(const std::vector<Row>& rows, std::int64_t d, DType dtype)
      : d_(d), dtype_(dtype), rows_(rows, stream_.get()) {}

  const std::vector<const void*>& x() const { return rows_.x(); }

  /// Of all vectors, on the grid of as many ranks.
  std::vector<double> of_all() const {
    return of(x(), d_, rules::grid(d_, static_cast<int>(x().size())).tile);
  }

  /// sums [shards, pairs] between the given rows on the device.
  std::vector<double> of(const std::vector<const void*>& rows, std::int64_t d, std::int64_t tile,
                         int shards = 1) const {
    const int n = static_cast<int>(rows.size());
    const std::size_t count = static_cast<std::size_t>(shards * rules::pair_count(n));
    return guarded(count, kernels::distance_scratch_bytes(n, d, tile), [&](double* sums, void* at) {
      kernels::pairwise_distances({rows, d, dtype_}, tile, shards, sums, at, stream_.get());
    });
  }

  /// Squared norms [shards, n] of all vectors.
  std::vector<double> norms(std::int64_t tile, int shards) const {
    const int n = static_cast<int>(x().size());
    const std::size_t count = static_cast<std::size_t>(shards * n);
    return guarded(count, kernels::norm_scratch_bytes(n, d_, tile), [&](double* sums, void* at) {
      kernels::norms({x(), d_, dtype_}, tile, shards, sums, at, stream_.get());
    });
  }

 private:
  template <class Pass>
  std::vector<double> guarded(std::size_t count, std::size_t scratch_bytes,
                              const Pass& pass) const {
    const double guard = -7.25;
    const std::size_t scratch_count = scratch_bytes / sizeof(double);
    const auto sums = upload(std::vector<double>(count + 1, guard), stream_.get());
    const auto scratch = upload(std::vector<double>(scratch_count + 1, guard), stream_.get());
    pass(static_cast<double*>(sums.get()), scratch.get());
    CHECK(download<double>(scratch.get(), scratch_count + 1, stream_.get()).back() == guard);
    auto found = download<double>(sums.get(), count + 1, stream_.get());
    CHECK(found.back() == guard);
    found.pop_back();
    return found;
  }

  cuda::Stream stream_;
  std::int64_t d_;
  DType dtype_;
  DeviceRows rows_;
};

}  // namespace byzccl::test
