// SPDX-License-Identifier: MIT
// What the examples train: five processes with a replica each, one of which is Byzantine.

#pragma once

#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <byzccl/rule.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

namespace example {

constexpr int kRanks = 5;
constexpr int kByzantineRank = 4;
constexpr int kSteps = 60;
constexpr int kClasses = 4;
constexpr int kFeatures = 16;

using Model = torch::nn::Sequential;
using Store = c10::intrusive_ptr<c10d::Store>;

struct Batch {
  torch::Tensor x;  // [rows, kFeatures]
  torch::Tensor y;  // [rows]
};

/// Noisy points around one centre per class. The centres are the same on every rank.
inline Batch draw(int rows, torch::Generator& generator) {
  const auto centres = torch::randn({kClasses, kFeatures}, at::detail::createCPUGenerator(7));
  const auto y = torch::randint(kClasses, {rows}, generator, torch::kLong);
  return {centres.index_select(0, y) + 0.5 * torch::randn({rows, kFeatures}, generator), y};
}

/// Each rank draws its own data.
inline torch::Generator data_of(int rank) {
  return at::detail::createCPUGenerator(100 + static_cast<std::uint64_t>(rank));
}

inline torch::Tensor loss_of(Model& model, const Batch& batch) {
  return torch::nn::functional::cross_entropy(model->forward(batch.x), batch.y);
}

inline Model make_model() {
  torch::manual_seed(1);  // the same start on every rank
  return Model(torch::nn::Linear(kFeatures, 32), torch::nn::ReLU(),
               torch::nn::Linear(32, kClasses));
}

/// On data that no rank has trained on.
inline double accuracy_of(Model& model) {
  auto unseen = at::detail::createCPUGenerator(99);
  const Batch test = draw(1000, unseen);
  const torch::NoGradGuard no_grad;
  return model->forward(test.x).argmax(1).eq(test.y).to(torch::kFloat64).mean().item<double>();
}

inline std::string bytes_of(const Model& model) {
  std::string bytes;
  for (const auto& parameter : model->parameters()) {
    const torch::Tensor flat = parameter.detach().contiguous();
    bytes.append(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
  }
  return bytes;
}

/// Trains a replica with kRanks - 1 others. The store is empty, and the same one on all ranks.
using Train = std::function<Model(const Store& store, int rank, const byzccl::Rule& rule)>;

/// What one process does. Rank 0 prints, and returns false if replicas differ, or if krum does not
/// keep the Byzantine rank out.
inline bool run_rank(int rank, const std::string& path, const Train& train) {
  const auto store = c10::make_intrusive<c10d::FileStore>(path, kRanks);
  bool good = true;
  for (const char* text : {"krum(f=1)", "mean"}) {
    const auto own = c10::make_intrusive<c10d::PrefixStore>(text, store);
    Model model = train(own, rank, byzccl::Rule::parse(text));

    own->set("model" + std::to_string(rank), bytes_of(model));
    if (rank != 0) continue;
    const double accuracy = accuracy_of(model);
    std::printf("%-10s accuracy %.3f\n", text, accuracy);
    const bool robust = std::string(text) != "mean";
    if (robust && accuracy < 0.9) good = false;
    for (int other = 1; other < kRanks; ++other) {
      const bool equal = own->get_to_str("model" + std::to_string(other)) == bytes_of(model);
      if (!equal) std::printf("rank %d has another model\n", other);
      good = good && equal;
    }
  }
  return good;
}

/// The exit status of a program that does run_rank() in kRanks processes.
inline int run(const Train& train) {
  torch::set_num_threads(1);
  std::string directory = (std::filesystem::temp_directory_path() / "replicas.XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;

  for (int rank = 0; rank < kRanks; ++rank) {
    if (fork() != 0) continue;
    bool good = false;
    try {
      good = run_rank(rank, directory + "/store", train);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "rank %d: %s\n", rank, error.what());
    }
    std::fflush(nullptr);
    _exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  bool good = true;
  for (int rank = 0; rank < kRanks; ++rank) {
    int status = 0;
    wait(&status);
    good = good && status == 0;
  }
  std::filesystem::remove_all(directory);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace example
