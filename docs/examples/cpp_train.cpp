// SPDX-License-Identifier: MIT
// Data-parallel training in C++ alone: five processes, one of which sends gradients of the wrong
// sign, ten times too large. Trained once with krum(f=1) and once with the plain mean.

#include <sys/wait.h>
#include <torch/torch.h>
#include <unistd.h>

#include <byzccl_torch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <vector>

namespace {

constexpr int kRanks = 5;
constexpr int kByzantineRank = 4;
constexpr int kSteps = 60;
constexpr int kClasses = 4;
constexpr int kFeatures = 16;

struct Batch {
  torch::Tensor x;  // [rows, kFeatures]
  torch::Tensor y;  // [rows]
};

/// Noisy points around one centre per class. The centres are the same on every rank.
Batch draw(int rows, torch::Generator& generator) {
  const auto centres = torch::randn({kClasses, kFeatures}, at::detail::createCPUGenerator(7));
  const auto y = torch::randint(kClasses, {rows}, generator, torch::kLong);
  return {centres.index_select(0, y) + 0.5 * torch::randn({rows, kFeatures}, generator), y};
}

torch::nn::Sequential make_model() {
  torch::manual_seed(1);  // the same start on every rank
  return torch::nn::Sequential(torch::nn::Linear(kFeatures, 32), torch::nn::ReLU(),
                               torch::nn::Linear(32, kClasses));
}

/// Replaces the gradients by what the ranks agree on.
void reduce_gradients(torch::nn::Sequential& model, byzccl::torch::Communicator& communicator,
                      const byzccl::Rule& rule) {
  std::vector<torch::Tensor> pieces;
  for (const auto& parameter : model->parameters()) pieces.push_back(parameter.grad().flatten());
  torch::Tensor flat = torch::cat(pieces);
  if (communicator.rank() == kByzantineRank) flat *= -10;

  communicator.all_reduce(flat, rule).wait();

  std::int64_t at = 0;
  for (const auto& parameter : model->parameters()) {
    parameter.grad().copy_(flat.narrow(0, at, parameter.numel()).view_as(parameter));
    at += parameter.numel();
  }
}

/// Accuracy on data that no rank has trained on.
double train(byzccl::torch::Communicator& communicator, const byzccl::Rule& rule,
             torch::nn::Sequential& model) {
  auto data = at::detail::createCPUGenerator(100 + static_cast<std::uint64_t>(communicator.rank()));
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.2));
  for (int step = 0; step < kSteps; ++step) {
    const Batch batch = draw(32, data);
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(model->forward(batch.x), batch.y).backward();
    reduce_gradients(model, communicator, rule);
    optimizer.step();
  }
  auto unseen = at::detail::createCPUGenerator(99);
  const Batch test = draw(1000, unseen);
  const torch::NoGradGuard no_grad;
  return model->forward(test.x).argmax(1).eq(test.y).to(torch::kFloat64).mean().item<double>();
}

std::string bytes_of(torch::nn::Sequential& model) {
  std::string bytes;
  for (const auto& parameter : model->parameters()) {
    const torch::Tensor flat = parameter.detach().contiguous();
    bytes.append(static_cast<const char*>(flat.const_data_ptr()), flat.nbytes());
  }
  return bytes;
}

/// What one process does; false if training failed.
bool run_rank(int rank, const std::string& path) {
  const auto store = c10::make_intrusive<c10d::FileStore>(path, kRanks);
  bool good = true;
  for (const char* text : {"krum(f=1)", "mean"}) {
    const auto own = c10::make_intrusive<c10d::PrefixStore>(text, store);
    const auto communicator = byzccl::torch::make_communicator(
        own, rank, kRanks, {.timeout = std::chrono::milliseconds(20'000)});
    auto model = make_model();
    const double accuracy = train(*communicator, byzccl::Rule::parse(text), model);

    own->set("model" + std::to_string(rank), bytes_of(model));
    if (rank != 0) continue;
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

}  // namespace

int main() {
  torch::set_num_threads(1);
  std::string directory = (std::filesystem::temp_directory_path() / "cpp_train.XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) return EXIT_FAILURE;

  for (int rank = 0; rank < kRanks; ++rank) {
    if (fork() != 0) continue;
    bool good = false;
    try {
      good = run_rank(rank, directory + "/store");
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
