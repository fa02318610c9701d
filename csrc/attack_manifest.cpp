// SPDX-License-Identifier: MIT
#include "csrc/attack_manifest.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <cstring>

#include "csrc/collective/slab.hpp"

namespace byzccl::attacks {

using collective::Header;
using collective::Message;
using collective::Operation;

void Manifest::read(const void* data, std::size_t bytes) {
  Header header;
  if (bytes != sizeof(header)) {
    throw Error(concat("an adversary met a header of ", bytes, " bytes that it does not know"));
  }
  std::memcpy(&header, data, sizeof(header));
  read(header);
}

Content Manifest::next(std::size_t bytes) {
  while (!expected_.empty() && expected_.front().bytes == 0) expected_.pop_front();
  if (expected_.empty() || expected_.front().bytes < bytes) {
    throw Error(concat("an adversary met a message of ", bytes, " bytes that it does not know"));
  }
  expected_.front().bytes -= bytes;
  dtype_ = expected_.front().dtype;
  return expected_.front().content;
}

void Manifest::expect(Content content, std::int64_t elements, DType dtype) {
  expected_.push_back({content, static_cast<std::size_t>(elements) * size_of(dtype), dtype});
}

void Manifest::expect_combined(const collective::Call& call, const Add& add) {
  const collective::Range part =
      intersect(collective::shard(add.grid, rank_), collective::wanted(call, add.grid, peer_));
  expect(Content::kCombined, part.size(), add.dtype);
}

void Manifest::expect_add(const Header& header, const collective::Call& call, bool keeps_vectors) {
  if (header.index == 0) adds_.clear();
  const rules::Grid grid = rules::grid(header.count, size_);
  adds_.push_back({grid, header.dtype});
  if (header.algorithm == Algorithm::kRing) {
    if (peer_ != (rank_ + 1) % size_) return;
    for (int shard = 0; shard < size_;) {
      const int end = collective::slab_end(grid, header.dtype, shard);
      const std::int64_t columns = grid.first_column(end) - grid.first_column(shard);
      expect(Content::kOwn, columns, header.dtype);
      expect(Content::kRelayed, columns * (size_ - 2), header.dtype);
      shard = end;
    }
    return;
  }
  expect(Content::kOwn, grid.columns(peer_), header.dtype);
  if (!keeps_vectors) expect_combined(call, adds_.back());
}

void Manifest::read(const Header& header) {
  expected_.clear();
  if (header.refused != 0) return;
  const collective::Call call{Rule::parse(header.rule), header.rule, header.operation, header.root};
  if (header.message == Message::kFinish && header.index == 0) adds_.clear();
  const Plan plan = byzccl::plan(call.rule, size_, header.dtype);
  const bool keeps_vectors = plan.needs_norms || plan.needs_distances;
  if (header.message == Message::kAdd) expect_add(header, call, keeps_vectors);
  // A last add may have a header of the finish behind it, which then says it all anew.
  if (header.message == Message::kFinish || header.last != 0) expect_finish(header, call, plan);
}

void Manifest::expect_finish(const Header& header, const collective::Call& call, const Plan& plan) {
  const bool sharded = header.algorithm == Algorithm::kSharded;
  if (sharded && (plan.needs_norms || plan.needs_distances)) {
    const int norms = plan.needs_norms ? plan.n : 0;
    const auto owned = std::count_if(adds_.begin(), adds_.end(),
                                     [&](const Add& add) { return add.grid.columns(rank_) > 0; });
    const int pairs = plan.needs_distances ? rules::pair_count(plan.lines) : 0;
    expect(Content::kSums, owned * (norms + pairs), DType::kFloat64);
    for (const Add& add : adds_) expect_combined(call, add);
  }
  if (plan.combiner == Combiner::kColumns &&
      (sharded || header.operation != Operation::kAllReduce)) {
    expect(Content::kCount, 1, DType::kFloat64);  // an int64, of the same size
  }
}

}  // namespace byzccl::attacks
