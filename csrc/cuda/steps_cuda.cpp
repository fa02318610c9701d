// SPDX-License-Identifier: MIT
#include "csrc/cuda/steps_cuda.hpp"

#include <algorithm>
#include <byzccl/rules/digest.hpp>
#include <byzccl/rules/select.hpp>
#include <cstddef>
#include <utility>
#include <vector>

#include "csrc/cuda/mark.hpp"
#include "csrc/cuda/owners.hpp"
#include "kernels/launch.hpp"

namespace byzccl::cuda {
namespace {

// Bytes of the rows of W x that are formed at a time, as for the distances.
constexpr std::int64_t kFormedBytes = std::int64_t{16} << 20;
// Columns are formed in whole multiples of what a block of any kernel takes.
constexpr std::int64_t kFormedStep = 4096;

class CudaSteps final : public Steps {
 public:
  explicit CudaSteps(cudaStream_t stream) : device_(current_device()), stream_(stream) {}
  explicit CudaSteps(std::shared_ptr<StreamPair> streams)
      : streams_(std::move(streams)), device_(streams_->device()), stream_(streams_->compute()) {}

  std::string_view kind() const override { return "cuda"; }
  bool enqueues() const override { return true; }
  void use_device() override {
    check(cudaSetDevice(device_), "cudaSetDevice");
    // For good: this thread asks how far its streams are while others capture graphs.
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    check(cudaThreadExchangeStreamCaptureMode(&mode), "cudaThreadExchangeStreamCaptureMode");
  }

  std::shared_ptr<const Mark> mark() override { return mark_on(stream_); }
  std::shared_ptr<const Mark> mark_caller(CUstream_st* caller) override { return mark_on(caller); }

  void await(const Mark& mark) override {
    hold(mark, stream_);
    if (streams_) hold(mark, streams_->comm());
  }

  void hold_caller(const Mark& mark, CUstream_st* caller) override {
    const DeviceScope scope(device_);  // the default stream is the current device's
    hold(mark, caller);
  }

  std::shared_ptr<void> allocate(std::size_t bytes) override {
    return streams_ ? streams_->allocate(bytes) : cuda::allocate(bytes, stream_);
  }

  std::shared_ptr<void> allocate_landing(std::size_t bytes) override {
    return streams_ ? streams_->allocate_landing(bytes) : allocate(bytes);
  }

  void clear(void* memory, std::size_t bytes) override {
    if (bytes > 0) check(cudaMemsetAsync(memory, 0, bytes, stream_), "cudaMemsetAsync");
  }

  void copy(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_), "cudaMemcpyAsync");
  }

  void read(void* to, const void* from, std::size_t bytes) override {
    const BesideCaptures beside;
    if (bytes > 0) {
      check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_), "cudaMemcpyAsync");
    }
    synchronize(stream_);
  }

  Digest digest(const void* x, std::int64_t columns, DType dtype) override {
    rules::DigestSums sums;
    const auto on_device = allocate(sizeof sums);
    auto* const to = static_cast<rules::DigestSums*>(on_device.get());
    clear(to, sizeof sums);
    kernels::digest(x, columns, dtype, to, nullptr, stream_);
    read(&sums, to, sizeof sums);
    return {rules::digest_value(sums, columns), sums.odd == 0};
  }

  void pairwise_distances(const Plan& plan, const rules::Decision& decision, const Rows& vectors,
                          std::int64_t tile, double* sums) override {
    shard_distances(plan, decision, vectors, tile, 1, sums, stream_);
  }

  void norms(const Plan& plan, const Rows& vectors, std::int64_t tile, double* sums) override {
    shard_norms(plan, vectors, tile, 1, sums, stream_);
  }

  void add_shards(const double* shards, int count, std::size_t sums, double* total) override {
    kernels::add_shards(shards, count, static_cast<std::int64_t>(sums), total, stream_);
  }

  void scale(const Plan& plan, double* norms, const rules::Decision& decision) override {
    kernels::scale(plan, norms, decision, stream_);
  }

  void spread(const double* pairs, int shards, int lines, int n, double* distances) override {
    kernels::spread(pairs, shards, lines, n, distances, stream_);
  }

  void select(const Plan& plan, const double* distances, const rules::Decision& decision) override {
    const auto scratch = allocate(rules::select_scratch_bytes(plan));
    kernels::select(plan, distances, decision, scratch.get(), stream_);
  }

  void combine(const Plan& plan, const rules::Decision& decision, const Rows& rows,
               void* out) override {
    std::vector<const void*> vectors(rows.x.begin(), rows.x.end());
    if (rows.previous != nullptr) vectors.push_back(rows.previous);
    const kernels::Vectors x{vectors, rows.columns, rows.dtype};
    if (plan.rows == 0) {
      kernels::combine_columns(x, 0, plan.window, nullptr, {nullptr, 0, rows.columns},
                               decision.outcome, out, stream_);
      return;
    }
    const auto mixes = allocate(kernels::mix_bytes(plan.rows));
    kernels::list_selected(plan, decision, rows.previous != nullptr, mixes.get(), stream_);
    if (plan.combiner == Combiner::kWeightedSum) {
      kernels::weighted_sum(x, mixes.get(), decision.outcome, out, stream_);
      return;
    }
    const std::int64_t element = rows.dtype == DType::kFloat64 ? 8 : 4;
    const std::int64_t steps =
        std::max<std::int64_t>(1, kFormedBytes / (element * plan.rows * kFormedStep));
    // Whole steps, so that every row begins where a wide access may.
    const std::int64_t stride =
        std::min(steps, (rows.columns + kFormedStep - 1) / kFormedStep) * kFormedStep;
    const auto y = allocate(static_cast<std::size_t>(stride * plan.rows * element));
    for (std::int64_t first = 0; first < rows.columns; first += stride) {
      const kernels::Formed formed{y.get(), stride, std::min(stride, rows.columns - first)};
      kernels::form_rows(x, first, mixes.get(), plan.rows, false, formed, stream_);
      kernels::combine_columns(x, first, plan.window, mixes.get(), formed, decision.outcome, out,
                               stream_);
    }
  }

 private:
  std::shared_ptr<const Mark> mark_on(cudaStream_t stream) const {
    const DeviceScope scope(device_);  // an event is of the device that is current
    return std::make_shared<EventMark>(stream);
  }

  static void hold(const Mark& mark, cudaStream_t stream) {
    dynamic_cast<const EventMark&>(mark).hold(stream);
  }

  const std::shared_ptr<StreamPair> streams_;  // null: the stream is the caller's
  const int device_;
  const cudaStream_t stream_;
};

}  // namespace

std::unique_ptr<Steps> make_steps(cudaStream_t stream) {
  return std::make_unique<CudaSteps>(stream);
}

std::unique_ptr<Steps> make_steps(std::shared_ptr<StreamPair> streams) {
  return std::make_unique<CudaSteps>(std::move(streams));
}

}  // namespace byzccl::cuda
