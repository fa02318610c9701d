// SPDX-License-Identifier: MIT
// Device kinds that differ: a ring refuses them, as each rank adds up all of D by itself.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csrc/steps.hpp"
#include "support/catch.hpp"
#include "support/passing_transport.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

/// The host's steps under another name.
class RenamedSteps final : public Steps {
 public:
  std::string_view kind() const override { return "cpu of another build"; }
  std::shared_ptr<void> allocate(std::size_t bytes) override { return inner_->allocate(bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override {
    inner_->copy(to, from, bytes);
  }
  void clear(void* memory, std::size_t bytes) override { inner_->clear(memory, bytes); }
  void read(void* to, const void* from, std::size_t bytes) override {
    inner_->read(to, from, bytes);
  }
  Digest digest(const void* x, std::int64_t columns, DType dtype) override {
    return inner_->digest(x, columns, dtype);
  }
  void pairwise_distances(const Plan& plan, const rules::Decision& decision, const Rows& vectors,
                          std::int64_t tile, double* sums) override {
    inner_->pairwise_distances(plan, decision, vectors, tile, sums);
  }
  void norms(const Plan& plan, const Rows& vectors, std::int64_t tile, double* sums) override {
    inner_->norms(plan, vectors, tile, sums);
  }
  void add_shards(const double* shards, int count, std::size_t sums, double* total) override {
    inner_->add_shards(shards, count, sums, total);
  }
  void scale(const Plan& plan, double* norms, const rules::Decision& decision) override {
    inner_->scale(plan, norms, decision);
  }
  void spread(const double* pairs, int shards, int lines, int n, double* distances) override {
    inner_->spread(pairs, shards, lines, n, distances);
  }
  void select(const Plan& plan, const double* distances, const rules::Decision& decision) override {
    inner_->select(plan, distances, decision);
  }
  void combine(const Plan& plan, const rules::Decision& decision, const Rows& rows,
               void* out) override {
    inner_->combine(plan, decision, rows, out);
  }

 private:
  const std::unique_ptr<Steps> inner_ = make_cpu_steps();
};

class RenamedTransport final : public test::PassingTransport {
 public:
  using PassingTransport::PassingTransport;
  std::unique_ptr<Steps> make_steps() override { return std::make_unique<RenamedSteps>(); }
};

/// What a reduction of three ranks, one of another kind, comes to on each.
std::vector<std::string> reduce_over_kinds(Algorithm algorithm, const char* rule) {
  auto ends = local_transports(3);
  std::vector<std::string> messages(3);
  test::run(3, [&](int rank) {
    std::shared_ptr<Transport> end = ends[static_cast<std::size_t>(rank)];
    if (rank == 1) end = std::make_shared<RenamedTransport>(std::move(end));
    Communicator communicator(std::move(end), {.algorithm = algorithm});
    std::vector<float> x(10, static_cast<float>(rank));
    messages[static_cast<std::size_t>(rank)] = test::message_of<MismatchError>(
        [&] { communicator.all_reduce(x.data(), 10, DType::kFloat32, Rule::parse(rule)).wait(); });
  });
  return messages;
}

TEST_CASE("a ring demands that all ranks have the same kind of device") {
  const std::string kind(make_cpu_steps()->kind());
  for (const std::string& message : reduce_over_kinds(Algorithm::kRing, "krum(f=0)")) {
    CHECK(message == concat("ranks disagree on device kind: ", kind,
                            " from ranks 0, 2; cpu of another build from rank 1"));
  }
  for (const std::string& message : reduce_over_kinds(Algorithm::kSharded, "krum(f=0)")) {
    CHECK(message.empty());
  }
}

}  // namespace
}  // namespace byzccl
