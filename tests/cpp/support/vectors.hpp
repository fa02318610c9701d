// SPDX-License-Identifier: MIT
// Inputs for the tests: families of vectors, and their packing into an element type. Conversions
// are written from the definition of the formats and share no code with the library.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "support/reference.hpp"

namespace byzccl::testing {

using Random = std::mt19937_64;

/// The nearest value that the dtype can hold, ties to even; overflow gives infinity.
double quantise(double x, DType dtype);
/// Half the gap between neighbours around x: the most that one rounding to the dtype adds.
double half_ulp(double x, DType dtype);

/// Vectors as the library takes them.
class Packed {
 public:
  Packed(const Matrix& x, DType dtype);
  std::span<const void* const> rows() const { return rows_; }

 private:
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<const void*> rows_;
};

std::vector<double> unpack(const std::vector<std::byte>& bytes, DType dtype);

enum class Family : std::uint8_t {
  kGaussian,    ///< independent N(0, 1)
  kOffset,      ///< 100 + N(0, 1): distances are small against norms
  kGraded,      ///< row i spreads 1.2^i, i shuffled and at most 24
  kClusters,    ///< up to f rows form a tight cluster of their own, 10 away
  kTies,        ///< small integers: D is exact, and many decisions are ties
  kDuplicates,  ///< N(0, 1), with rows that are copies of others
  kNan,         ///< N(0, 1), one row NaN in one coordinate
  kInfinite,    ///< N(0, 1), one row infinite
  kHuge,        ///< N(0, 1), one row 1e30
  kFar,         ///< N(0, 1), up to f rows 100 to 1,000,000 times larger: some are broken
  kColluders,   ///< integers, up to f rows at +1.2e19 or -1.2e19
  kEqual,       ///< every row the same
  kAdversary,   ///< N(0, 1), the last rows crafted by an adversary of the library
};
inline constexpr int kFamilies = 13;

std::string_view name(Family family);

/// n rows of d numbers, each exact in the dtype. At most f rows are bad, but one where f = 0.
struct Drawn {
  Matrix x;
  bool exact = false;  ///< every distance is exact in float32: margins do not matter
};
Drawn draw(Family family, int n, int f, int d, DType dtype, Random& random);

}  // namespace byzccl::testing
