// SPDX-License-Identifier: MIT
// The bits of D and of outputs, as the device double gave them when golden_bits.txt was written: a
// GPU must give the same. BYZCCL_WRITE_GOLDEN=1 writes the file anew, which changes the contract;
// BYZCCL_GOLDEN_BITS names it where the sources lie elsewhere than when this was built.

#include <byzccl/rules/grid.hpp>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "support/catch.hpp"
#include "support/stack.hpp"
#include "tests/cuda/support/device_rows.hpp"

namespace byzccl {
namespace {

std::string golden_file() {
  const char* elsewhere = std::getenv("BYZCCL_GOLDEN_BITS");
  return elsewhere != nullptr ? elsewhere : BYZCCL_CONFORMANCE_DIR "/../cuda/golden_bits.txt";
}

/// FNV-1a, 64 bits.
std::uint64_t hash(const std::vector<std::byte>& bytes) {
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const std::byte b : bytes) h = (h ^ static_cast<std::uint64_t>(b)) * 0x100000001b3u;
  return h;
}

/// One rule over random vectors on the device.
class Run {
 public:
  Run(const std::string& rule, int n, std::int64_t d, DType dtype)
      : steps_(cuda::make_steps(stream_.get())),
        plan_(plan(Rule::parse(rule), n, dtype)),
        d_(d),
        dtype_(dtype),
        x_(test::random_stack(n, d, dtype, 11), stream_.get()) {}

  /// Hashes of D, if the rule has one, and of the output.
  std::vector<std::uint64_t> hashes() {
    std::vector<std::uint64_t> found;
    const auto decision_memory = steps_->allocate(rules::decision_bytes(plan_));
    steps_->clear(decision_memory.get(), rules::decision_bytes(plan_));
    const rules::Decision decision = rules::decision_at(plan_, decision_memory.get());
    std::shared_ptr<void> D;
    if (plan_.needs_distances) {
      const auto pairs = steps_->allocate(rules::pair_count(plan_.lines) * sizeof(double));
      const std::size_t bytes = static_cast<std::size_t>(plan_.lines * plan_.n) * sizeof(double);
      D = steps_->allocate(bytes);
      steps_->pairwise_distances(
          plan_, decision, {x_.x(), d_, dtype_},
          plan_.ranks <= 9 ? 9 * 1024 : 1024,  // of several strips, or of one
          static_cast<double*>(pairs.get()));
      steps_->spread(static_cast<const double*>(pairs.get()), 1, plan_.lines, plan_.n,
                     static_cast<double*>(D.get()));
      found.push_back(hash(read(D.get(), bytes)));
    }
    if (plan_.rows > 0) steps_->select(plan_, static_cast<const double*>(D.get()), decision);
    const std::size_t bytes = static_cast<std::size_t>(d_) * size_of(dtype_);
    const auto out = steps_->allocate(bytes);
    steps_->combine(plan_, decision, {x_.x(), d_, dtype_}, out.get());
    found.push_back(hash(read(out.get(), bytes)));
    return found;
  }

 private:
  std::vector<std::byte> read(const void* from, std::size_t bytes) {
    std::vector<std::byte> host(bytes);
    steps_->read(host.data(), from, bytes);
    return host;
  }

  cuda::Stream stream_;
  std::unique_ptr<Steps> steps_;
  Plan plan_;
  std::int64_t d_;
  DType dtype_;
  test::DeviceRows x_;
};

/// From the name of a case to its hashes.
std::map<std::string, std::vector<std::uint64_t>> current() {
  std::map<std::string, std::vector<std::uint64_t>> found;
  for (const DType dtype : test::kEveryDType) {
    for (const int n : {2, 7, 9, 16, 17, 40}) {
      const std::int64_t d = n <= 9 ? 9 * 1024 + 77 : 2 * 1024 + 77;
      std::vector<std::string> rules = {"mda(f=0)"};
      if (n >= 7)
        rules = {"multi_krum(f=1)", "geometric_median(f=2)", "meamed(f=2)", "median(f=1)"};
      if (n == 16) rules.push_back("multi_bulyan(f=2)");
      for (const std::string& rule : rules) {
        const std::string name = rule + "/" + std::string(to_text(dtype)) + "/" + std::to_string(n);
        found[name] = Run(rule, n, d, dtype).hashes();
      }
    }
  }
  // The pairs of a strip are shared by several blocks.
  found["krum(f=1)/float32/256"] = Run("krum(f=1)", 256, 300, DType::kFloat32).hashes();
  return found;
}

TEST_CASE("D and outputs have the golden bits") {
  const auto found = current();
  if (std::getenv("BYZCCL_WRITE_GOLDEN") != nullptr) {
    std::ofstream file(golden_file());
    for (const auto& [name, hashes] : found) {
      file << name;
      for (const std::uint64_t h : hashes) file << ' ' << std::hex << h << std::dec;
      file << '\n';
    }
  }
  std::ifstream file(golden_file());
  std::size_t lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    std::vector<std::uint64_t> want;
    for (std::uint64_t h; words >> std::hex >> h;) want.push_back(h);
    CAPTURE(name);
    REQUIRE(found.count(name) == 1);
    CHECK(found.at(name) == want);
  }
  CHECK(lines == found.size());
}

}  // namespace
}  // namespace byzccl
