// SPDX-License-Identifier: MIT
#include "benchmarks/all_reduce_perf/rank.hpp"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <algorithm>
#include <byzccl/byzccl.hpp>
#include <byzccl/local_transport.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/all_reduce_perf/vectors.hpp"
#include "benchmarks/gpu/device.hpp"
#include "benchmarks/record.hpp"
#include "csrc/cuda/owners.hpp"

namespace byzccl::bench {
namespace {

using cuda::check;

void check_nccl(ncclResult_t result, const char* call) {
  if (result != ncclSuccess) throw Error(concat(call, " failed: ", ncclGetErrorString(result)));
}

/// Before NCCL's first call in this process.
void choose_device(const Options& options, int rank) {
  int devices = 0;
  check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
  check(cudaSetDevice(rank % devices), "cudaSetDevice");
  if (options.ranks() <= devices || options.as_threads) return;
  setenv("NCCL_HOSTID", concat("byzccl-rank-", rank).c_str(), 0);
  setenv("NCCL_SOCKET_IFNAME", "lo", 0);
  setenv("NCCL_IB_DISABLE", "1", 0);
}

/// NCCL's own all-reduce, a sum, for the same ranks.
class PlainSum {
 public:
  PlainSum(const UniqueId& id, int rank, int size) {
    ncclUniqueId theirs;
    static_assert(sizeof(theirs) == sizeof(id));
    std::memcpy(&theirs, id.data(), sizeof(theirs));
    check_nccl(ncclCommInitRank(&comm_, size, theirs, rank), "ncclCommInitRank");
  }
  ~PlainSum() { ncclCommDestroy(comm_); }
  PlainSum(const PlainSum&) = delete;
  PlainSum& operator=(const PlainSum&) = delete;

  void all_reduce(void* x, std::int64_t d, DType dtype, cudaStream_t stream) const {
    check_nccl(
        ncclAllReduce(x, x, static_cast<std::size_t>(d), type_of(dtype), ncclSum, comm_, stream),
        "ncclAllReduce");
  }

 private:
  static ncclDataType_t type_of(DType dtype) {
    switch (dtype) {
      case DType::kFloat16:
        return ncclFloat16;
      case DType::kBFloat16:
        return ncclBfloat16;
      case DType::kFloat64:
        return ncclFloat64;
      case DType::kFloat32:
        break;
    }
    return ncclFloat32;
  }

  ncclComm_t comm_ = nullptr;
};

/// What a line is measured with.
class Rank {
 public:
  Rank(const Options& options, Meeting& meeting, int rank)
      : options_(options),
        meeting_(meeting),
        rank_(rank),
        rule_(Rule::parse(options.rule)),
        communicator_(connect(), {.algorithm = options.algorithm,
                                  .timeout = std::chrono::seconds(options.timeout_seconds),
                                  .chunk_bytes = std::size_t{1} << 30}),
        sum_(id(1), rank, options.ranks()) {
    communicator_.use_stream(stream_.get());
  }

  /// Leaves this rank's note of it at the meeting.
  void measure(std::int64_t bytes) {
    const std::int64_t d = bytes / static_cast<std::int64_t>(size_of(options_.dtype));
    const std::vector<Vector> x = make_vectors(options_, d);
    const Vector& own = x[static_cast<std::size_t>(rank_)];
    const std::shared_ptr<void> device = cuda::allocate(own.size(), stream_.get());
    Meeting::Note& note = meeting_.note(rank_);
    const auto robust = [&] {
      communicator_.all_reduce(device.get(), d, options_.dtype, rule_).wait();
    };
    note.wrong = -1;
    if (options_.check) {
      upload(own, device.get());
      robust();
      Vector got(own.size());
      download(device.get(), got);
      note.wrong = count_wrong(got, aggregate_on_host(options_, x, d), options_.dtype);
    }
    upload(own, device.get());
    note.seconds = time(robust);
    upload(own, device.get());
    note.sum_seconds =
        time([&] { sum_.all_reduce(device.get(), d, options_.dtype, stream_.get()); });
    meeting_.arrive();
  }

 private:
  UniqueId& id(int communicator) {
    if (rank_ == 0) meeting_.id(communicator) = unique_id();
    meeting_.arrive();
    return meeting_.id(communicator);
  }

  std::shared_ptr<Transport> connect() { return nccl_transport(id(0), rank_, options_.ranks()); }

  void upload(const Vector& from, void* to) const {
    check(cudaMemcpyAsync(to, from.data(), from.size(), cudaMemcpyHostToDevice, stream_.get()),
          "cudaMemcpyAsync");
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
  }

  void download(const void* from, Vector& to) const {
    check(cudaMemcpyAsync(to.data(), from, to.size(), cudaMemcpyDeviceToHost, stream_.get()),
          "cudaMemcpyAsync");
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
  }

  /// Seconds of one call, enqueued one behind the other, begun by all ranks together.
  double time(const std::function<void()>& call) const {
    for (int i = 0; i < options_.warmup; ++i) call();
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
    meeting_.arrive();
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < options_.iterations; ++i) call();
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    return took.count() / options_.iterations;
  }

  const Options& options_;
  Meeting& meeting_;
  const int rank_;
  const Rule rule_;
  const cuda::Stream stream_;
  Communicator communicator_;
  const PlainSum sum_;
};

/// The slowest rank counts.
Meeting::Note worst(Meeting& meeting, int ranks) {
  Meeting::Note all = meeting.note(0);
  for (int rank = 1; rank < ranks; ++rank) {
    const Meeting::Note& note = meeting.note(rank);
    all.seconds = std::max(all.seconds, note.seconds);
    all.sum_seconds = std::max(all.sum_seconds, note.sum_seconds);
    all.wrong += note.wrong;
  }
  return all;
}

class Table {
 public:
  explicit Table(const Options& options) : options_(options), record_(options.json) {
    Json machine = device_facts();
    int version = 0;
    check_nccl(ncclGetVersion(&version), "ncclGetVersion");
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
    std::printf("# %10s %12s %9s %20s | %10s %8s %8s %7s | %10s %8s %8s |\n", "(B)", "(elements)",
                "", "", "(us)", "(GB/s)", "(GB/s)", "", "(us)", "(GB/s)", "(GB/s)");
  }

  void add(std::int64_t bytes, const Meeting::Note& note) {
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

 private:
  const Options& options_;
  Record record_;
};

}  // namespace

int measure_as_rank(const Options& options, Meeting& meeting, int rank) {
  if (!has_device()) {
    if (rank == 0) std::printf("No GPU: nothing was measured.\n");
    meeting.arrive();
    return kNothingRun;
  }
  choose_device(options, rank);
  Rank measured(options, meeting, rank);
  std::unique_ptr<Table> table;
  if (rank == 0) table = std::make_unique<Table>(options);
  long long wrong = 0;
  for (const std::int64_t bytes : options.sizes()) {
    measured.measure(bytes);
    const Meeting::Note note = worst(meeting, options.ranks());
    if (options.check) wrong += note.wrong;
    if (table) table->add(bytes, note);
    meeting.arrive();
  }
  if (wrong > 0) throw Error(concat(wrong, " elements were wrong"));
  return 0;
}

}  // namespace byzccl::bench
