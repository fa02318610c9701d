// SPDX-License-Identifier: MIT
#include "benchmarks/all_reduce_perf/rank.hpp"

#include <cuda_runtime_api.h>
#include <nccl.h>

#include <algorithm>
#include <byzccl/byzccl.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "benchmarks/all_reduce_perf/table.hpp"
#include "benchmarks/all_reduce_perf/vectors.hpp"
#include "benchmarks/gpu/device.hpp"
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
