// SPDX-License-Identifier: MIT
// The distance kernels on the device double alone: other orders of lanes, and dropped barriers.

#include <algorithm>
#include <set>
#include <vector>

#include "cuda_on_cpu/device.hpp"
#include "tests/cuda/support/pair_sums.hpp"

namespace byzccl {
namespace {

using cuda_on_cpu::device;
using test::PairSums;

TEST_CASE("the bits do not depend on the order of lanes") {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kFloat64}) {
    for (const int n : {4, 19}) {
      const std::int64_t d = 5 * 2048 + 77;
      const PairSums sums(test::random_stack(n, d, dtype, 5), d, dtype);
      const std::vector<double> want = sums.of(sums.x(), d, 2048);
      CAPTURE(to_text(dtype), n);
      device().seed = 77;
      CHECK(sums.of(sums.x(), d, 2048) == want);
      device() = {};
    }
  }
}

TEST_CASE("without any one of its barriers a distance kernel gives other sums") {
  for (const int n : {5, 65}) {
    const std::int64_t tile = 4096;  // many stages
    const std::int64_t d = tile;
    const PairSums sums(test::random_stack(n, d, DType::kFloat32, 9), d, DType::kFloat32);
    std::set<cuda_on_cpu::Place> barriers;
    device().barriers = &barriers;
    const std::vector<double> want = sums.of_all();
    device().barriers = nullptr;
    CHECK(barriers.size() == 1);
    for (const cuda_on_cpu::Place& place : barriers) {
      bool differs = false;
      for (std::uint64_t seed = 1; seed <= 8 && !differs; ++seed) {
        device().seed = seed;
        device().dropped = place;
        differs = sums.of_all() != want;
      }
      device() = {};
      CAPTURE(place.first, place.second);
      CHECK(differs);
    }
  }
}

}  // namespace
}  // namespace byzccl
