// SPDX-License-Identifier: MIT
// Which folder may include what (the arrows of the design), read off the sources.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

namespace fs = std::filesystem;

struct Include {
  std::string file;  ///< path in the repository
  std::string path;  ///< as written
  bool angled = false;
};

const fs::path kRoot = fs::path(BYZCCL_CONFORMANCE_DIR "/../..").lexically_normal();

bool is_source(const fs::path& path) {
  static const std::vector<std::string> kEndings{".h", ".hpp", ".cuh", ".cu", ".cpp"};
  return std::find(kEndings.begin(), kEndings.end(), path.extension()) != kEndings.end();
}

// Every include line below a folder. A folder that does not exist has none.
std::vector<Include> includes_of(const std::string& folder) {
  static const std::regex kLine(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<Include> found;
  if (!fs::exists(kRoot / folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    if (!entry.is_regular_file() || !is_source(entry.path())) continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (!std::regex_search(line, match, kLine)) continue;
      found.push_back({fs::relative(entry.path(), kRoot).string(), match[2], match[1] == "<"});
    }
  }
  return found;
}

bool starts_with_any(const std::string& path, const std::vector<std::string>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return path.starts_with(prefix); });
}

void forbid(const std::vector<Include>& includes, const std::vector<std::string>& prefixes) {
  for (const Include& include : includes) {
    CAPTURE(include.file, include.path);
    CHECK(!starts_with_any(include.path, prefixes));
  }
}

// <vector>, <cstdint>: no folder and no ending.
bool is_standard(const Include& include) {
  return include.angled && include.path.find_first_of("/.") == std::string::npos;
}

const std::vector<std::string> kTorch{"torch/", "ATen/",      "c10/",
                                      "c10d/",  "torch_ext/", "pybind11/"};
const std::vector<std::string> kDevice{"cuda", "nccl", "cub/", "cooperative_groups", "kernels/"};

}  // namespace

TEST_CASE("The public headers include only themselves and the standard library") {
  const std::vector<Include> includes = includes_of("include");
  REQUIRE(includes.size() > 40);
  for (const Include& include : includes) {
    CAPTURE(include.file, include.path);
    CHECK((is_standard(include) || (include.angled && include.path.starts_with("byzccl/"))));
  }
}

TEST_CASE("The host code knows the kernels by their one door, and no torch") {
  const std::vector<Include> includes = includes_of("csrc");
  REQUIRE(includes.size() > 20);
  forbid(includes, kTorch);
  for (const Include& include : includes) {
    CAPTURE(include.file, include.path);
    CHECK((!include.path.starts_with("kernels/") || include.path == "kernels/launch.hpp"));
  }
}

TEST_CASE("Collectives know transports and steps, and no device") {
  const std::vector<Include> includes = includes_of("csrc/collective");
  REQUIRE(includes.size() > 5);
  forbid(includes, kDevice);
  forbid(includes,
         {"csrc/cpu/", "csrc/cuda/", "csrc/transport/", "hwy/", "byzccl/local_transport"});
}

TEST_CASE("Nodes know transports and memory: no rule, no step, no device") {
  const std::vector<Include> includes = includes_of("csrc/node");
  REQUIRE(includes.size() > 5);
  forbid(includes, kDevice);
  forbid(includes, {"byzccl/rule", "byzccl/aggregate", "byzccl/communicator", "byzccl/attack",
                    "byzccl/local_transport", "csrc/steps", "csrc/collective/", "csrc/transport/"});
}

TEST_CASE("Transports know no rule") {
  const std::vector<Include> includes = includes_of("csrc/transport");
  REQUIRE(includes.size() > 3);
  forbid(includes, {"byzccl/rule", "byzccl/aggregate", "byzccl/communicator", "byzccl/attack",
                    "csrc/steps", "csrc/collective/", "csrc/cpu/"});
  for (const Include& include : includes) {
    // NCCL's messages lie where CUDA's steps work: the transport brings both.
    if (include.file.starts_with("csrc/transport/nccl/")) continue;
    CAPTURE(include.file, include.path);
    CHECK(!starts_with_any(include.path, {"csrc/cuda/", "csrc/transport/nccl/", "cuda", "nccl"}));
  }
}

TEST_CASE("The steps know no rank") {
  std::vector<Include> includes = includes_of("csrc/cpu");
  REQUIRE(includes.size() > 5);
  for (const Include& include : includes_of("csrc/cuda")) includes.push_back(include);
  forbid(includes, {"byzccl/transport", "byzccl/communicator", "byzccl/local_transport",
                    "csrc/collective/", "csrc/transport/"});
}

TEST_CASE("Kernels include the public headers and their own") {
  const std::vector<Include> includes = includes_of("kernels");
  REQUIRE(includes.size() > 3);
  forbid(includes, kTorch);
  forbid(includes, {"csrc/", "nccl"});
}

TEST_CASE("Inline PTX is in one file") {
  static const std::regex kAssembly(R"(\basm\b)");
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "kernels")) {
    if (!is_source(entry.path())) continue;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      if (!std::regex_search(line, kAssembly)) continue;
      CAPTURE(entry.path().string(), line);
      CHECK(entry.path().filename() == "ptx.cuh");
      ++found;
    }
  }
  CHECK(found > 0);
}

TEST_CASE("The extension knows the public headers alone") {
  const std::vector<Include> includes = includes_of("torch_ext");
  for (const Include& include : includes) {
    CAPTURE(include.file, include.path);
    CHECK(!include.path.starts_with("kernels/"));
    // torch_ext/csrc/ is its own; the library's csrc/ is not.
    const bool own = fs::exists(kRoot / "torch_ext" / include.path);
    CHECK((!include.path.starts_with("csrc/") || own));
  }
}

TEST_CASE("Nothing includes tests or benchmarks") {
  for (const char* folder : {"include", "csrc", "kernels", "torch_ext"}) {
    forbid(includes_of(folder), {"tests/", "benchmarks/", "support/", "catch2/"});
  }
}
