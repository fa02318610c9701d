// SPDX-License-Identifier: MIT
// What each message that a rank sends contains, told from outside: from the headers that it sent
// before, as a peer could.

#pragma once

#include <byzccl/dtype.hpp>
#include <byzccl/rule.hpp>
#include <byzccl/rules/grid.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "csrc/collective/header.hpp"

namespace byzccl::attacks {

enum class Content : std::uint8_t {
  kOwn,       ///< columns of the sender's own vector
  kRelayed,   ///< of somebody else's
  kSums,      ///< norms or distances over the sender's shard
  kCombined,  ///< columns of the result
  kCount,     ///< of NaN columns
};

/// The payload from one rank to one peer, in its order. It follows the exchanges of
/// csrc/collective: after a change there the sizes below must follow, and tests say so.
class Manifest {
 public:
  Manifest(int rank, int peer, int size) : rank_(rank), peer_(peer), size_(size) {}

  /// A header that goes before it. @throws Error if it is none
  void read(const void* data, std::size_t bytes);
  /// The content of the next message. @throws Error if it fits into no exchange
  Content next(std::size_t bytes);
  /// Of the elements of the newest message, if it was kOwn, kRelayed or kCombined.
  DType dtype() const { return dtype_; }

 private:
  struct Part {
    Content content;
    std::size_t bytes;
    DType dtype;  ///< of the elements, where they are those of vectors
  };
  struct Add {
    rules::Grid grid;
    DType dtype;
  };

  void read(const collective::Header& header);
  void expect(Content content, std::int64_t elements, DType dtype);
  void expect_combined(const collective::Call& call, const Add& add);
  void expect_add(const collective::Header& header, const collective::Call& call,
                  bool keeps_vectors);
  void expect_finish(const collective::Header& header, const collective::Call& call,
                     const Plan& plan);

  int rank_;
  int peer_;
  int size_;
  DType dtype_ = DType::kFloat32;
  std::vector<Add> adds_;      // of the exchange under way
  std::deque<Part> expected_;  // until the next header
};

}  // namespace byzccl::attacks
