// SPDX-License-Identifier: MIT
// An exchange of five ranks of which one lies in its messages, and the same one without the lie.

#pragma once

#include <byzccl/byzccl.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/ranks.hpp"

namespace byzccl::test::liars {

inline constexpr int kRanks = 5;

struct Setting {
  Algorithm algorithm;
  std::string attack;
  int liar;
  DType dtype = DType::kFloat32;
  std::vector<std::int64_t> adds{5000, 1, 2048};  ///< d of each
  std::size_t chunk_bytes = std::size_t{4} << 20;
};

/// Elements [begin, end) of x times `factor`, rounded once.
void scale(Bytes& x, std::int64_t begin, std::int64_t end, DType dtype, double factor);

/// First column of a rank's shard of an add.
std::int64_t first_column(std::int64_t d, int rank);

/// [rank][add]: what every rank ends up with.
using Results = std::vector<std::vector<Bytes>>;

/// Over a transport that deceives. The last rank's vector is eight times as large as the others.
Results deceived(const Setting& setting, const std::string& rule);

/// Over an honest one, with the vector x [d] that each rank brings to each add as `alter` leaves
/// it.
Results honest(const Setting& setting, const std::string& rule,
               const std::function<void(Bytes& x, int rank, std::int64_t d)>& alter);

}  // namespace byzccl::test::liars
