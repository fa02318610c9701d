// SPDX-License-Identifier: MIT
// Who takes part in cpp_servers: the numbers, their bounds, and a process for each node.

#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <byzccl_torch.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <numeric>
#include <string>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <vector>

#include "replicas.hpp"

namespace example {

// Nodes are numbered: servers first, then workers. The last of each are Byzantine.
constexpr int kServers = 5;
constexpr int kBadServers = 1;
constexpr int kWorkers = 4;
constexpr int kBadWorkers = 1;
constexpr int kNodes = kServers + kWorkers;
constexpr int kServerQuorum = 4;
constexpr int kWorkerQuorum = 3;
/// Servers come together every so many steps.
constexpr int kGatherEvery = 5;

// ByzSGD's bounds (El-Mhamdi et al., "Genuinely Distributed Byzantine Machine Learning", 2020).
static_assert(kServers >= 3 * kBadServers + 2 && kWorkers >= 3 * kBadWorkers + 1);
static_assert(2 * kBadServers + 2 <= kServerQuorum && kServerQuorum <= kServers - kBadServers);
static_assert(2 * kBadWorkers + 1 <= kWorkerQuorum && kWorkerQuorum <= kWorkers - kBadWorkers);

inline bool is_server(int rank) { return rank < kServers; }
inline bool is_bad(int rank) {
  return is_server(rank) ? rank >= kServers - kBadServers : rank >= kNodes - kBadWorkers;
}

/// All servers, or all workers, without `rank`.
inline std::vector<int> all(bool servers, int rank) {
  std::vector<int> ranks(servers ? kServers : kWorkers);
  std::iota(ranks.begin(), ranks.end(), servers ? 0 : kServers);
  std::erase(ranks, rank);
  return ranks;
}

/// The kinds of vectors that travel.
enum Kind : int { kModel, kGradient, kGathered };

inline byzccl::Deadline deadline() { return byzccl::Clock::now() + std::chrono::seconds(60); }

/// One value for each parameter of the model, behind each other.
inline torch::Tensor flat(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> pieces;
  for (const torch::Tensor& tensor : tensors) pieces.push_back(tensor.detach().flatten());
  return torch::cat(pieces);
}

inline void load(Model& model, const torch::Tensor& theta) {
  const torch::NoGradGuard no_grad;
  std::int64_t at = 0;
  for (torch::Tensor parameter : model->parameters()) {
    parameter.copy_(theta.narrow(0, at, parameter.numel()).view_as(parameter));
    at += parameter.numel();
  }
}

/// A process for each node, which meet, do `role`, and part once what they sent has arrived. The
/// exit status of a program that does so: success if every honest node says that it went well.
inline int run_nodes(const std::function<bool(byzccl::Node& node)>& role) {
  torch::set_num_threads(1);
  std::string directory = (std::filesystem::temp_directory_path() / "servers.XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;
  const auto count = flat(make_model()->parameters()).numel();
  for (int rank = 0; rank < kNodes; ++rank) {
    if (fork() != 0) continue;
    bool good = false;
    try {
      const auto store = c10::make_intrusive<c10d::FileStore>(directory + "/store", kNodes);
      const auto node = byzccl::torch::make_node({.store = store, .rank = rank, .size = kNodes},
                                                 count, byzccl::DType::kFloat32);
      good = role(*node);
      node->flush(byzccl::Clock::now() + std::chrono::seconds(10));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "node %d: %s\n", rank, error.what());
    }
    std::fflush(nullptr);
    _exit(good || is_bad(rank) ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  bool good = true;
  for (int rank = 0; rank < kNodes; ++rank) {
    int status = 0;
    wait(&status);
    good = good && status == 0;
  }
  std::filesystem::remove_all(directory);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace example
