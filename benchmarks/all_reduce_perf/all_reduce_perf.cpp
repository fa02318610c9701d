// SPDX-License-Identifier: MIT
// byzccl_all_reduce_perf: the robust all-reduce of vectors on GPUs beside NCCL's sum, with the
// options and columns of nccl-tests.

#include <byzccl/error.hpp>
#include <cstdio>

#include "benchmarks/all_reduce_perf/meeting.hpp"
#include "benchmarks/all_reduce_perf/options.hpp"
#include "benchmarks/all_reduce_perf/rank.hpp"

int main(int argc, char** argv) {
  using namespace byzccl::bench;
  try {
    const Options options = parse_options(argc, argv);
    return run_ranks(options.ranks(), options.as_threads, [&](Meeting& meeting, int rank) {
      return measure_as_rank(options, meeting, rank);
    });
  } catch (const byzccl::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
