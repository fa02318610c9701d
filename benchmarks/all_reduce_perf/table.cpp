// SPDX-License-Identifier: MIT
#include "benchmarks/all_reduce_perf/table.hpp"

#include <nccl.h>

#include <byzccl/communicator.hpp>
#include <byzccl/error.hpp>
#include <cstdio>
#include <string>
#include <utility>

#include "benchmarks/gpu/device.hpp"

namespace byzccl::bench {

Table::Table(const Options& options) : options_(options), record_(options.json) {
  Json machine = device_facts();
  int version = 0;
  if (ncclGetVersion(&version) != ncclSuccess) throw Error("ncclGetVersion failed");
  machine["nccl"] = version;
  if (!options.commit.empty()) machine["commit"] = options.commit;
  record_.set("machine", machine);
  record_.set("ranks", options.ranks());
  record_.set("byzantine", options.byzantine);
  record_.set("attack", options.attack);
  record_.set("algorithm", std::string(to_text(options.algorithm)));
  std::printf("# %d ranks on %s, %s, %d of them %s\n", options.ranks(),
              machine["device"].get<std::string>().c_str(),
              std::string(to_text(options.algorithm)).c_str(), options.byzantine,
              options.attack.c_str());
  std::printf("# %10s %12s %9s %20s | %10s %8s %8s %7s | %10s %8s %8s | %6s\n", "size", "count",
              "type", "rule", "time", "algbw", "busbw", "#wrong", "sum: time", "algbw", "busbw",
              "ratio");
  std::printf("# %10s %12s %9s %20s | %10s %8s %8s %7s | %10s %8s %8s |\n", "(B)", "(elements)", "",
              "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "(GB/s)", "(GB/s)");
}

void Table::add(std::int64_t bytes, const Meeting::Note& note) {
  const std::int64_t element = static_cast<std::int64_t>(size_of(options_.dtype));
  const std::int64_t d = bytes / element;
  const double n = options_.ranks();
  const double per_bus = 2 * (n - 1) / n;  // as nccl-tests counts an all-reduce
  const auto rate = [&](double seconds) {
    return static_cast<double>(d * element) / seconds / 1e9;
  };
  const std::string type(to_text(options_.dtype));
  std::printf(
      "  %10lld %12lld %9s %20s | %10.1f %8.2f %8.2f %7s | %10.1f %8.2f %8.2f | %6.2f\n",
      static_cast<long long>(d * element), static_cast<long long>(d), type.c_str(),
      options_.rule.c_str(), note.seconds * 1e6, rate(note.seconds), rate(note.seconds) * per_bus,
      options_.check ? std::to_string(note.wrong).c_str() : "N/A", note.sum_seconds * 1e6,
      rate(note.sum_seconds), rate(note.sum_seconds) * per_bus, note.seconds / note.sum_seconds);
  std::fflush(stdout);
  Json figure{{"step", "all_reduce"},
              {"rule", options_.rule},
              {"n", options_.ranks()},
              {"d", d},
              {"dtype", type},
              {"seconds", note.seconds},
              {"sum_seconds", note.sum_seconds},
              {"ratio", note.seconds / note.sum_seconds}};
  if (options_.check) figure["wrong"] = note.wrong;
  record_.add(std::move(figure));
  record_.save();
}

}  // namespace byzccl::bench
