// SPDX-License-Identifier: MIT
// aggregate in a CUDA graph: captured once, replayed over other values.

#include <byzccl/cuda.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "tests/cuda/support/device_rows.hpp"

namespace byzccl {
namespace {

using test::Row;

/// What the calls on a stream in between became.
class Graph {
 public:
  template <class F>
  Graph(cudaStream_t stream, const F& enqueue) {
    cuda::check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
                "cudaStreamBeginCapture");
    enqueue();
    cuda::check(cudaStreamEndCapture(stream, &graph_), "cudaStreamEndCapture");
    cuda::check(cudaGraphInstantiate(&executable_, graph_, 0), "cudaGraphInstantiate");
  }
  ~Graph() {
    if (executable_ != nullptr) cudaGraphExecDestroy(executable_);
    if (graph_ != nullptr) cudaGraphDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  void launch(cudaStream_t stream) const {
    cuda::check(cudaGraphLaunch(executable_, stream), "cudaGraphLaunch");
  }

 private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

TEST_CASE("aggregate is captured in a graph, and its replays follow the values") {
  const int n = 11;
  const std::int64_t d = 5'003;
  for (const char* text :
       {"krum(f=2)", "bulyan(f=2)", "multi_bulyan(f=2)", "median(f=2)", "geometric_median",
        "clip(tau=3)+nnm(f=2)+krum(f=2)", "bucketing(s=2)+mean", "centered_clipping(tau=3)"}) {
    CAPTURE(text);
    const Rule rule = Rule::parse(text);
    const cuda::Stream stream;
    const auto first = test::random_stack(n, d, DType::kFloat32, 1);
    const test::DeviceRows x(first, stream.get());
    Row previous(d, DType::kFloat32);
    const test::DeviceRow before(previous, stream.get());
    Row want(d, DType::kFloat32), got(d, DType::kFloat32);
    const test::DeviceRow out(want, stream.get());
    const auto aggregate = [&] {
      cuda::aggregate(x.x(), d, DType::kFloat32, rule, out.data(), stream.get(),
                      {.previous = before.data()});
    };
    aggregate();  // the kernels are loaded
    const Graph graph(stream.get(), aggregate);
    for (const std::uint64_t seed : {2, 3}) {
      const auto values = test::random_stack(n, d, DType::kFloat32, seed);
      for (std::size_t i = 0; i < values.size(); ++i) {
        test::write(x[i].data(), values[i].data(), values[i].bytes(), stream.get());
      }
      previous.set(d - 1, seed == 2 ? 0.5 : std::nan(""));  // a replay finds out, too
      test::write(before.data(), previous.data(), previous.bytes(), stream.get());
      aggregate();
      out.download(want);
      cuda::check(cudaMemsetAsync(out.data(), 0xff, want.bytes(), stream.get()), "cudaMemsetAsync");
      graph.launch(stream.get());
      out.download(got);
      CHECK(got.same_bits(want));
    }
  }
}

}  // namespace
}  // namespace byzccl
