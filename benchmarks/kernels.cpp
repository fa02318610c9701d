// SPDX-License-Identifier: MIT
// Measures the CPU kernels and every rule against what the machine can do, measured in the same
// run. Writes JSON after every group of figures.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <byzccl/aggregate.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "benchmarks/figures.hpp"

namespace byzccl::bench {
namespace {

struct Options {
  std::vector<int> n{4, 8, 16, 32, 64};
  std::vector<std::int64_t> d{100'000, 1'000'000, 10'000'000};
  std::vector<std::string> dtypes{"float32", "bfloat16"};
  std::string json;
  std::string commit;
  double seconds = 0.15;
  double rate_seconds = 0.5;
  int threads = 0;
};

void print(const Json& figure) {
  const std::string name = figure["step"].get<std::string>() + " " + figure.value("rule", "");
  std::printf("%-44s n=%-3d d=%-9lld %-9s", name.c_str(), figure["n"].get<int>(),
              static_cast<long long>(figure["d"].get<std::int64_t>()),
              figure["dtype"].get<std::string>().c_str());
  std::printf(" %10.3f ms %4.0f %% of %s%s\n", 1e3 * figure["seconds"].get<double>(),
              100 * figure["share"].get<double>(), figure["binds"].get<std::string>().c_str(),
              figure.contains("failed") ? ", failed closed" : "");
}

void run(const Options& options) {
  if (options.threads > 0) set_threads(options.threads);
  Record record(options.json);
  Json machine = machine_facts();
  if (!options.commit.empty()) machine["commit"] = options.commit;
  record.set("machine", machine);
  const Rates rates = measure_rates(threads(), options.rate_seconds);
  std::printf(
      "%d threads: %.0f G differences and fma / s, %.0f G min and max / s, %.0f of 16 bits\n",
      threads(), rates.subtract_fma / 1e9, rates.min_max / 1e9, rates.min_max_16 / 1e9);
  record.set("rates", {{"subtract_fma", rates.subtract_fma},
                       {"min_max", rates.min_max},
                       {"min_max_16", rates.min_max_16}});
  Json read_rates = Json::array();
  const int most = *std::max_element(options.n.begin(), options.n.end());
  for (const std::string& name : options.dtypes) {
    const DType dtype = name == "float32" ? DType::kFloat32 : DType::kBFloat16;
    for (const std::int64_t d : options.d) {
      const Vectors vectors(most, d, dtype);
      for (const int n : options.n) {
        const std::size_t bytes = static_cast<std::size_t>(d) * size_of(dtype);
        Setup setup{.vectors = vectors, .rates = rates, .patience = {.seconds = options.seconds}};
        if (size_of(dtype) == 2) setup.rates.min_max = rates.min_max_16;
        setup.bytes_per_second =
            read_rate(vectors.first(n), bytes, threads(),
                      static_cast<int>(std::clamp(20'000'000'000 / (bytes * n), std::size_t{5},
                                                  std::size_t{50})));
        std::printf("\nn=%d d=%lld %s: reading gives %.1f GB/s\n", n, static_cast<long long>(d),
                    name.c_str(), setup.bytes_per_second / 1e9);
        read_rates.push_back(
            {{"n", n}, {"d", d}, {"dtype", name}, {"bytes_per_second", setup.bytes_per_second}});
        record.set("read_rates", read_rates);
        measure({n, d, dtype}, setup, [&](Json figure) {
          print(figure);
          record.add(std::move(figure));
        });
        std::fflush(stdout);
        record.save();
      }
    }
  }
}

}  // namespace
}  // namespace byzccl::bench

int main(int argc, char** argv) {
  byzccl::bench::Options options;
  CLI::App app("Measures byzccl's CPU kernels and rules against the machine's own rates.");
  app.add_option("--n", options.n, "numbers of vectors")->delimiter(',')->check(CLI::Range(1, 256));
  app.add_option("--d", options.d, "numbers of columns")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 32));
  app.add_option("--dtypes", options.dtypes, "element types")
      ->delimiter(',')
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--json", options.json, "file to write");
  app.add_option("--commit", options.commit, "what is measured, for the record");
  app.add_option("--seconds", options.seconds, "how long a figure is repeated");
  app.add_option("--rate-seconds", options.rate_seconds, "how long a rate is measured");
  app.add_option("--threads", options.threads, "threads; 0: as the library chooses");
  CLI11_PARSE(app, argc, argv);
  try {
    byzccl::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
