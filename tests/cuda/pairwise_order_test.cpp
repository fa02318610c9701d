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

TEST_CASE("without any one of its barriers a distance pass gives other sums") {
  struct Pass {
    int n;
    std::int64_t tile;
    std::int64_t d;
    std::size_t barriers;
  };
  // 5 rows: more tiles than a block adds up at a time. 65 rows: of one tile, and many stages.
  for (const Pass& pass : {Pass{5, 1024, 40 * 1024, 3}, Pass{65, 4096, 4096, 1}}) {
    const PairSums sums(test::random_stack(pass.n, pass.d, DType::kFloat32, 9), pass.d,
                        DType::kFloat32);
    const auto all = [&] { return sums.of(sums.x(), pass.d, pass.tile); };
    std::set<cuda_on_cpu::Place> barriers;
    device().barriers = &barriers;
    const std::vector<double> want = all();
    device().barriers = nullptr;
    if (pass.n > 16) {
      std::erase_if(barriers, [](const auto& at) { return at.first.ends_with("sums.cu"); });
    }
    CHECK(barriers.size() == pass.barriers);
    for (const cuda_on_cpu::Place& place : barriers) {
      bool differs = false;
      for (std::uint64_t seed = 1; seed <= 8 && !differs; ++seed) {
        device().seed = seed;
        device().dropped = place;
        differs = all() != want;
      }
      device() = {};
      CAPTURE(pass.n, place.first, place.second);
      CHECK(differs);
    }
  }
}

}  // namespace
}  // namespace byzccl
