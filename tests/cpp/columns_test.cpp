// SPDX-License-Identifier: MIT
// Windows of one column, and the networks that sort it.

#include <byzccl/rules/columns.hpp>
#include <byzccl/rules/sorting_network.hpp>
#include <limits>

#include "support/catch.hpp"

namespace byzccl {
namespace {

TEST_CASE("every network sorts every column of zeros and ones") {
  for (int n = 1; n <= 16; ++n) {
    for (unsigned bits = 0; bits < 1u << n; ++bits) {
      unsigned sorted = bits;
      rules::visit_network(n, [&](int low, int high) {
        if ((sorted >> low & 1u) > (sorted >> high & 1u)) sorted ^= 1u << low | 1u << high;
      });
      // Zeros first: the ones fill the upper places.
      const int ones = __builtin_popcount(bits);
      if (sorted != (((1u << ones) - 1) << (n - ones))) FAIL("n = " << n << ", bits = " << bits);
    }
  }
  SUCCEED();
}

TEST_CASE("worked windows") {
  const float plateau[] = {0, 0, 5, 5, 5};
  CHECK(rules::window_mean({WindowKind::kNearestMedian, 5, 1, 4}, plateau) == 3.75f);
  const float four[] = {1, 2, 3, 10};
  CHECK(rules::window_mean({WindowKind::kMedian, 4, 1, 0}, four) == 2.5f);
  CHECK(rules::window_mean({WindowKind::kTrimmed, 4, 1, 0}, four) == 2.5f);
  CHECK(rules::window_mean({WindowKind::kNearestMedian, 4, 1, 3}, four) == 2.0f);
  // 2/3 lies as far from 1/3 as from 1, but not as rounded: means alone tie there.
  const float thirds[] = {1 / 3.0f, 2 / 3.0f, 1};
  CHECK(2 / 3.0f - 1 / 3.0f > 1 - 2 / 3.0f);
  CHECK(rules::window_mean({WindowKind::kNearestUpperMedian, 3, 0, 2}, thirds) == 0.5f);
  CHECK(rules::window_mean({WindowKind::kNearestMedian, 3, 0, 2}, thirds) > 0.8f);
  const float farther[] = {0.333f, 2 / 3.0f, 1};
  CHECK(rules::window_mean({WindowKind::kNearestUpperMedian, 3, 0, 2}, farther) > 0.8f);
  // A far end has no part in the tie of others.
  const float far[] = {-1e12f, 0.333f, 2 / 3.0f, 1, 2};
  CHECK(rules::window_mean({WindowKind::kNearestUpperMedian, 5, 1, 2}, far) > 0.8f);
  const float hole[] = {1, 2, 3, std::numeric_limits<float>::infinity()};
  CHECK(rules::window_mean({WindowKind::kMedian, 4, 1, 0}, hole) == 2.5f);
  CHECK(rules::window_mean({WindowKind::kTrimmed, 4, 1, 0}, hole) == 2.5f);
  CHECK(rules::window_mean({WindowKind::kNearestMedian, 4, 1, 3}, hole) == 2.0f);
}

}  // namespace
}  // namespace byzccl
