// SPDX-License-Identifier: MIT
#include "benchmarks/all_reduce_perf/options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <byzccl/rule.hpp>
#include <cstdlib>
#include <map>

namespace byzccl::bench {

std::vector<std::int64_t> Options::sizes() const {
  std::vector<std::int64_t> all;
  for (std::int64_t bytes = min_bytes; bytes <= max_bytes;) {
    all.push_back(bytes);
    bytes = factor > 1 ? std::max<std::int64_t>(bytes, 1) * factor : bytes + step_bytes;
  }
  return all;
}

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Measures byzccl's robust all-reduce on GPUs beside NCCL's plain sum of the same run, in "
      "place and again and again over the same buffer, as nccl-tests does.");
  const CLI::AsSizeValue bytes(false);
  app.add_option("-b,--minbytes", options.min_bytes, "smallest size, such as 8M")->transform(bytes);
  app.add_option("-e,--maxbytes", options.max_bytes, "largest size")->transform(bytes);
  app.add_option("-i,--stepbytes", options.step_bytes, "from one size to the next")
      ->transform(bytes)
      ->check(CLI::PositiveNumber);
  app.add_option("-f,--stepfactor", options.factor, "the same as a factor")
      ->check(CLI::Range(2, 1 << 20));
  app.add_option("-n,--iters", options.iterations, "timed calls")->check(CLI::PositiveNumber);
  app.add_option("-w,--warmup_iters", options.warmup, "calls before")
      ->check(CLI::NonNegativeNumber);
  app.add_option("-c,--check", options.check, "1: compare the result with the CPU's, bit for bit");
  app.add_option("-t,--nthreads", options.threads, "ranks: this number ..")
      ->check(CLI::Range(1, 256));
  app.add_option("-g,--ngpus", options.gpus, ".. times this one")->check(CLI::Range(1, 256));
  const std::map<std::string, DType> types{{"float", DType::kFloat32},
                                           {"half", DType::kFloat16},
                                           {"bfloat16", DType::kBFloat16},
                                           {"double", DType::kFloat64}};
  app.add_option("-d,--datatype", options.dtype, "float, half, bfloat16 or double")
      ->transform(CLI::CheckedTransformer(types))
      ->option_text("TYPE");
  app.add_option("--rule", options.rule, "default: mda(f=BYZANTINE)");
  const std::map<std::string, Algorithm> algorithms{{"sharded", Algorithm::kSharded},
                                                    {"ring", Algorithm::kRing}};
  app.add_option("--algorithm", options.algorithm, "sharded or ring")
      ->transform(CLI::CheckedTransformer(algorithms))
      ->option_text("NAME");
  app.add_option("--byzantine", options.byzantine, "how many of the last ranks attack")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--attack", options.attack, "what these send; docs/attacks.md");
  app.add_flag("--as-threads", options.as_threads, "ranks are threads, each with a GPU of its own");
  app.add_option("--timeout", options.timeout_seconds, "seconds for one call")
      ->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "file for the figures");
  app.add_option("--commit", options.commit, "written into it");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  BYZCCL_CHECK(options.ranks() <= 256, "at most 256 ranks, got ", options.ranks());
  BYZCCL_CHECK(options.byzantine < options.ranks(), "byzantine must be below the ", options.ranks(),
               " ranks, got ", options.byzantine);
  if (options.rule.empty()) options.rule = concat("mda(f=", options.byzantine, ")");
  plan(Rule::parse(options.rule), options.ranks(), options.dtype);
  Attack::parse(options.attack);
  return options;
}

}  // namespace byzccl::bench
