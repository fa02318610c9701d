// SPDX-License-Identifier: MIT
// The thread beside a communicator's own: it warns of a rank that is late.

#include <chrono>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/ranks.hpp"

namespace byzccl {
namespace {

using std::chrono::milliseconds;

constexpr int kRanks = 3;
constexpr int kLate = 0;
constexpr milliseconds kTimeout{20'000};  // so a rank warns after two seconds

TEST_CASE("each rank is told once of a rank that is late, and all go on with the same result") {
  auto ends = local_transports(kRanks);
  std::vector<std::vector<std::string>> told(kRanks);
  std::vector<std::vector<float>> x(kRanks, std::vector<float>(100, 1.0f));
  test::run(kRanks, [&](int rank) {
    const auto index = static_cast<std::size_t>(rank);
    std::mutex mutex;
    CommunicatorOptions options{.timeout = kTimeout};
    options.warn = [&](const std::string& words) {
      const std::lock_guard lock(mutex);
      told[index].push_back(words);
      throw std::runtime_error("nobody hears it");
    };
    Communicator communicator(ends[index], options);
    const auto reduce = [&] {
      communicator.all_reduce(x[index].data(), 100, DType::kFloat32, Rule::parse("mean")).wait();
    };
    reduce();
    if (rank == kLate) std::this_thread::sleep_for(milliseconds(3500));
    reduce();
  });
  for (int rank = 0; rank < kRanks; ++rank) {
    const auto& words = told[static_cast<std::size_t>(rank)];
    CAPTURE(rank, words);
    CHECK(x[static_cast<std::size_t>(rank)] == x[0]);
    if (rank == kLate) continue;  // on a busy machine the others may be late as well
    int of_late = 0;
    for (const std::string& line : words) {
      if (!line.starts_with(concat("rank ", kLate, " is "))) continue;
      ++of_late;
      CHECK(std::stoi(line.substr(line.find(" is ") + 4)) >= 2);
      CHECK(line.find(concat(" late (step 1, all_reduce mean); rank ", rank, " gives it 20 s")) !=
            std::string::npos);
    }
    CHECK(of_late == 1);
  }
}

}  // namespace
}  // namespace byzccl
