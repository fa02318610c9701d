// SPDX-License-Identifier: MIT
// Measures the CUDA kernels and every rule on a GPU against what the device can do, measured in the
// same run. Writes JSON after every group of figures. Without a GPU it measures nothing, says so,
// and ends with kNothingRun.

#include <CLI/CLI.hpp>
#include <byzccl/error.hpp>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "benchmarks/gpu/device.hpp"
#include "benchmarks/gpu/figures.hpp"
#include "csrc/cuda/owners.hpp"

namespace byzccl::bench {
namespace {

constexpr int kNothingRun = 77;

struct Options {
  std::vector<int> n{4, 8, 16, 32, 64};
  std::vector<std::int64_t> d{25'600'000, 100'000'000};
  std::vector<std::string> dtypes{"float32", "bfloat16"};
  std::vector<std::string> steps = kDeviceSteps;
  std::string json;
  std::string commit;
  double seconds = 0.1;
  double budget = 1e9;
  std::size_t rate_bytes = std::size_t{2} << 30;
  int rate_rounds = 20'000;
};

DType dtype_of(const std::string& name) {
  for (const DType dtype : {DType::kFloat32, DType::kFloat16, DType::kBFloat16, DType::kFloat64}) {
    if (name == to_text(dtype)) return dtype;
  }
  throw InvalidArgument("no such dtype: " + name);
}

void print(const Json& figure) {
  const std::string name = figure["step"].get<std::string>() + " " + figure.value("rule", "");
  std::printf("%-44s n=%-3d d=%-9lld %-9s %10.4f ms", name.c_str(), figure["n"].get<int>(),
              static_cast<long long>(figure["d"].get<std::int64_t>()),
              figure["dtype"].get<std::string>().c_str(), 1e3 * figure["seconds"].get<double>());
  if (figure.contains("share")) {
    std::printf(" %4.0f GB/s, %3.0f %% of the floor by %s",
                figure["bytes_per_second"].get<double>() / 1e9, 100 * figure["share"].get<double>(),
                figure["binds"].get<std::string>().c_str());
  }
  if (figure.contains("ratio")) {
    std::printf(" = %.1f x ours, %s", figure["ratio"].get<double>(),
                figure["peer"].get<std::string>().c_str());
  }
  if (figure.contains("failed")) std::printf(", failed closed");
  if (figure.contains("met")) {
    std::printf("  [goal %s: %s]", figure["goal"].dump().c_str(),
                figure["met"].get<bool>() ? "met" : "MISSED");
  }
  std::printf("\n");
}

/// False if a group of figures failed; the others are measured all the same.
bool run(const Options& options) {
  Record record(options.json);
  Json machine = device_facts();
  if (!options.commit.empty()) machine["commit"] = options.commit;
  record.set("machine", machine);
  const cuda::Stream stream;
  const Timer timer(stream.get(),
                    {.least = options.seconds > 0 ? 5 : 1, .seconds = options.seconds});
  const DeviceRates rates = measure_device_rates(timer, options.rate_bytes, options.rate_rounds);
  std::printf(
      "%s: copies %.0f GB/s, reads %.0f GB/s, %.0f G differences and fma / s, %.0f G min "
      "and max / s\n",
      machine["device"].get<std::string>().c_str(), rates.copy / 1e9, rates.read / 1e9,
      rates.rates.subtract_fma / 1e9, rates.rates.min_max / 1e9);
  record.set("rates", {{"copy", rates.copy},
                       {"read", rates.read},
                       {"subtract_fma", rates.rates.subtract_fma},
                       {"min_max", rates.rates.min_max}});
  record.save();
  Json left_out = Json::array();
  const auto leave_out = [&](const Group& group, const std::string& why) {
    Json entry = begin_figure("all", "", group);
    entry["why"] = why;
    left_out.push_back(std::move(entry));
    record.set("left_out", left_out);
    record.save();
  };
  const double begin = now();
  bool all_good = true;
  for (const std::string& name : options.dtypes) {
    const DType dtype = dtype_of(name);
    for (const std::int64_t d : options.d) {
      for (const int n : options.n) {
        const Group group{n, d, dtype};
        if (2 * DeviceVectors::bytes(n, d, dtype) > free_bytes()) {
          leave_out(group, "device memory");
          continue;
        }
        if (now() - begin > options.budget) {
          leave_out(group, "time");
          continue;
        }
        try {
          const DeviceVectors vectors(n, d, dtype, stream.get());
          const DeviceSetup setup{
              vectors, timer, rates, {options.steps.begin(), options.steps.end()}};
          measure_on_device(group, setup, [&](Json figure) {
            print(figure);
            record.add(std::move(figure));
          });
        } catch (const Error& error) {
          std::fprintf(stderr, "n = %d, d = %lld, %s: %s\n", n, static_cast<long long>(d),
                       name.c_str(), error.what());
          leave_out(group, error.what());
          all_good = false;
        }
        std::fflush(stdout);
        record.save();
      }
    }
  }
  return all_good;
}

}  // namespace
}  // namespace byzccl::bench

int main(int argc, char** argv) {
  using namespace byzccl::bench;
  Options options;
  CLI::App app("Measures byzccl's CUDA kernels and rules against the device's own rates.");
  app.add_option("--n", options.n, "numbers of vectors")->delimiter(',')->check(CLI::Range(1, 256));
  app.add_option("--d", options.d, "numbers of columns")
      ->delimiter(',')
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 34));
  app.add_option("--dtypes", options.dtypes, "element types")
      ->delimiter(',')
      ->check(CLI::IsMember({"float32", "float16", "bfloat16", "float64"}));
  app.add_option("--steps", options.steps, "what is measured")
      ->delimiter(',')
      ->check(CLI::IsMember(kDeviceSteps));
  app.add_option("--json", options.json, "file to write");
  app.add_option("--commit", options.commit, "what is measured, for the record");
  app.add_option("--seconds", options.seconds, "how long a figure is repeated; 0: once");
  app.add_option("--budget", options.budget, "seconds after which no other n, d, dtype is begun");
  app.add_option("--rate-bytes", options.rate_bytes, "memory that is copied to measure the rate");
  app.add_option("--rate-rounds", options.rate_rounds, "rounds of the loops of operations");
  CLI11_PARSE(app, argc, argv);
  try {
    if (!has_device()) {
      std::printf("no GPU: nothing run\n");
      return kNothingRun;
    }
    return run(options) ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
