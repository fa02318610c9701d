// SPDX-License-Identifier: MIT
// What of a call is refused before anything travels, and where each bound lies exactly.

#include <byzccl/error.hpp>
#include <byzccl/rules/grid.hpp>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "csrc/communicator_arguments.hpp"
#include "csrc/communicator_job.hpp"
#include "support/catch.hpp"

namespace byzccl {
namespace {

using collective::Bucket;
using std::chrono::hours;
using std::chrono::milliseconds;

constexpr DType kF32 = DType::kFloat32;
constexpr DType kF64 = DType::kFloat64;

bool accepts(const CommunicatorOptions& options) {
  try {
    check_options(options);
    return true;
  } catch (const InvalidArgument&) {
    return false;
  }
}

TEST_CASE("options are taken up to their bounds") {
  CHECK(accepts({.timeout = milliseconds(1)}));
  CHECK_FALSE(accepts({.timeout = milliseconds(0)}));
  CHECK(accepts({.timeout = hours(24 * 366)}));
  CHECK_FALSE(accepts({.timeout = hours(24 * 366) + milliseconds(1)}));
  CHECK(accepts({.chunk_bytes = 1}));
  CHECK_FALSE(accepts({.chunk_bytes = 0}));
  CHECK(accepts({.chunk_bytes = std::size_t{1} << 30}));
  CHECK_FALSE(accepts({.chunk_bytes = (std::size_t{1} << 30) + 1}));
  CHECK(accepts({.algorithm = Algorithm::kRing}));
  CHECK_FALSE(accepts({.algorithm = static_cast<Algorithm>(2)}));
}

TEST_CASE("vectors may touch, and may not overlap") {
  std::vector<float> memory(30);
  float* const x = memory.data() + 10;
  const auto mistake = [&](const float* previous) {
    return find_mistake({x, x, 10, kF32, previous});
  };
  CHECK(mistake(x - 10).empty());
  CHECK(mistake(x + 10).empty());
  for (const int offset : {-9, 0, 9}) {
    CHECK(mistake(x + offset) == "the previous output overlaps x, which is written over");
  }
  // Of three ranks the second has columns [2, 4) of six.
  const auto scatter = [&](const float* out) {
    return find_scatter_mistake({x, const_cast<float*>(out), 6, kF32}, 1, 3);
  };
  for (const int free : {-2, 2, 6}) CHECK(scatter(x + free).empty());
  for (const int taken : {-1, 0, 1, 3, 4, 5}) {
    CHECK(scatter(x + taken) == "out overlaps x, but is not this rank's columns of it");
  }
}

TEST_CASE("a scatter has as many columns for each rank, and none need no memory") {
  float x = 0;
  CHECK(find_scatter_mistake({&x, &x, 7, kF32}, 0, 3) == "d = 7 is no multiple of n = 3");
  CHECK(find_scatter_mistake({&x, nullptr, 6, kF32}, 0, 3) == "out is null, but d = 6");
  CHECK(find_scatter_mistake({&x, nullptr, 0, kF32}, 0, 3).empty());
  CHECK(find_mistake({nullptr, nullptr, 0, kF32}).empty());
}

TEST_CASE("on a device every vector of an add is aligned to its elements") {
  double memory[4] = {};
  std::byte* const bytes = reinterpret_cast<std::byte*>(memory);
  CHECK(find_misaligned({memory, memory + 1, 1, kF64, memory + 2}).empty());
  CHECK(find_misaligned({bytes + 4, bytes + 12, 1, kF32, bytes + 20}).empty());
  const std::string begin =
      "on a CUDA device vectors are aligned to their elements of 8 bytes, got ";
  CHECK(find_misaligned({bytes + 4, memory, 1, kF64}).starts_with(begin));
  CHECK(find_misaligned({memory, bytes + 4, 1, kF64}).starts_with(begin));
  CHECK(find_misaligned({memory, memory, 1, kF64, bytes + 4}).starts_with(begin));
}

TEST_CASE("a rule's text fits its place in a header, or is refused") {
  constexpr std::size_t kRoom = sizeof(collective::Header::rule);
  for (const std::size_t length : {kRoom - 1, kRoom}) {
    const collective::Call call{.rule = Rule::parse("mean"), .rule_text = std::string(length, 'm')};
    const Task task{.job = std::make_shared<Job>(call)};
    const Declaration mine = declare(task, collective::Message::kFinish, {}, 3);
    CHECK((mine.refusal != nullptr) == (length == kRoom));
    CHECK((mine.header.refused == 1) == (length == kRoom));
  }
}

}  // namespace
}  // namespace byzccl
