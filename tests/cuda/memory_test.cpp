// SPDX-License-Identifier: MIT
// Where the library takes device memory from, and what it says of its build.

#include <atomic>
#include <byzccl/cuda.hpp>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "support/catch.hpp"

namespace byzccl {
namespace {

/// Takes from the runtime, and knows what is out.
class Ledger final : public cuda::Memory {
 public:
  void* take(std::size_t bytes, CUstream_st* stream) override {
    if (bytes > most) throw std::length_error("the ledger is full");
    void* memory = nullptr;
    cuda::check(cudaMallocAsync(&memory, bytes, stream), "cudaMallocAsync");
    const std::lock_guard lock(mutex_);
    ++taken;
    out_[memory] = stream;
    return memory;
  }
  void give_back(void* memory, CUstream_st* stream) noexcept override {
    const std::lock_guard lock(mutex_);
    if (out_.count(memory) == 0 || out_.at(memory) != stream) ++strange;
    out_.erase(memory);
    cudaFreeAsync(memory, stream);
  }
  std::size_t out() const { return out_.size(); }

  int taken = 0;
  int strange = 0;
  std::size_t most = std::size_t{1} << 40;

 private:
  std::mutex mutex_;
  std::map<void*, CUstream_st*> out_;
};

/// The pool again, whatever happens.
struct Reset {
  ~Reset() { cuda::set_memory(nullptr); }
};

TEST_CASE("All scratch comes from the memory that was set, and goes back to it") {
  const Reset reset;
  const cuda::Stream stream;
  const std::int64_t d = 3000;
  std::vector<std::shared_ptr<void>> rows;
  std::vector<const void*> x;
  for (int i = 0; i < 9; ++i) {
    rows.push_back(cuda::allocate(d * sizeof(float), stream.get()));
    cuda::check(cudaMemsetAsync(rows.back().get(), i, d * sizeof(float), stream.get()), "memset");
    x.push_back(rows.back().get());
  }
  const auto out = cuda::allocate(d * sizeof(float), stream.get());
  const auto ledger = std::make_shared<Ledger>();
  cuda::set_memory(ledger);
  for (const char* text : {"krum(f=2)", "median", "clip(tau=3)+nnm(f=2)+bulyan(f=1)"}) {
    cuda::aggregate(x, d, DType::kFloat32, Rule::parse(text), out.get(), stream.get());
  }
  CHECK(ledger->taken > 10);
  CHECK(ledger->out() == 0);
  {
    const cuda::Explained explained =
        cuda::explain(x, d, DType::kFloat32, Rule::parse("krum(f=2)"), nullptr, stream.get());
    CHECK(ledger->out() > 0);  // D and the decision, until the report is read
    cuda::set_memory(nullptr);
    CHECK(explained.read().distances.size() == 81);
  }
  CHECK(ledger->out() == 0);
  CHECK(ledger->strange == 0);

  const int before = ledger->taken;
  cuda::aggregate(x, d, DType::kFloat32, Rule::parse("krum(f=2)"), out.get(), stream.get());
  CHECK(ledger->taken == before);
}

TEST_CASE("What the memory throws reaches the caller, and nothing is lost") {
  const Reset reset;
  const cuda::Stream stream;
  const auto x = cuda::allocate(64, stream.get());
  const std::vector<const void*> rows(5, x.get());
  const auto ledger = std::make_shared<Ledger>();
  cuda::set_memory(ledger);
  for (ledger->most = 0; ledger->most < 4096; ledger->most += 64) {
    try {
      cuda::explain(rows, 16, DType::kFloat32, Rule::parse("krum(f=1)"), nullptr, stream.get());
    } catch (const std::length_error&) {
    }
    CHECK(ledger->out() == 0);
  }
  CHECK(ledger->strange == 0);
}

TEST_CASE("An event that is not reached yet leaves no error behind") {
  const cuda::Stream stream;
  std::atomic<bool> go = false;
  const auto hold = [](void* until) {
    while (!static_cast<std::atomic<bool>*>(until)->load()) std::this_thread::yield();
  };
  cuda::check(cudaLaunchHostFunc(stream.get(), hold, &go), "cudaLaunchHostFunc");
  cuda::Event event;
  event.record(stream.get());
  CHECK(!event.reached());
  CHECK(cudaGetLastError() == cudaSuccess);
  go = true;
  event.synchronize();
  CHECK(event.reached());
}

TEST_CASE("The build says what it was compiled with") {
  const cuda::Build build = cuda::build();
  CHECK(build.compiled_runtime == CUDART_VERSION);
  CHECK(build.runtime / 1000 == CUDART_VERSION / 1000);
  CHECK(!build.architectures.empty());
}

}  // namespace
}  // namespace byzccl
