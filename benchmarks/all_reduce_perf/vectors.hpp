// SPDX-License-Identifier: MIT
// What the ranks reduce: whole numbers, so that honest distances are exact in every order.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "benchmarks/all_reduce_perf/options.hpp"

namespace byzccl::bench {

using Vector = std::vector<std::byte>;

/// x [ranks, d] in host memory: honest ranks hold whole numbers in [-8, 8] about a common vector,
/// the last `byzantine` ranks what the attack makes of those.
std::vector<Vector> make_vectors(const Options& options, std::int64_t d);

/// aggregate() of them, on the CPU.
Vector aggregate_on_host(const Options& options, const std::vector<Vector>& x, std::int64_t d);

/// Elements whose bits differ.
long long count_wrong(const Vector& got, const Vector& expected, DType dtype);

}  // namespace byzccl::bench
