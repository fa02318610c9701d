// SPDX-License-Identifier: MIT
#include "support/liars.hpp"

#include <byzccl/rules/grid.hpp>
#include <cstring>
#include <memory>
#include <utility>

namespace byzccl::test::liars {
namespace {

using Alter = std::function<void(Bytes& x, int rank, std::int64_t d)>;

Bytes vector_of(int rank, std::size_t add, const Setting& s) {
  Bytes x = random_vector(rank, s.adds[add], s.dtype, static_cast<int>(add));
  if (rank == kRanks - 1) scale(x, 0, s.adds[add], s.dtype, 8);
  return x;
}

Results all_reduce(const Setting& s, const std::string& rule,
                   const std::vector<std::shared_ptr<Transport>>& ends, const Alter& alter) {
  Results results(kRanks);
  run(kRanks, [&](int rank) {
    const auto r = static_cast<std::size_t>(rank);
    Communicator communicator(ends[r], {.algorithm = s.algorithm, .chunk_bytes = s.chunk_bytes});
    for (std::size_t a = 0; a < s.adds.size(); ++a) {
      results[r].push_back(vector_of(rank, a, s));
      alter(results[r].back(), rank, s.adds[a]);
    }
    Exchange exchange = communicator.begin(Rule::parse(rule));
    for (std::size_t a = 0; a < s.adds.size(); ++a) {
      exchange.add(results[r][a].data(), s.adds[a], s.dtype);
    }
    exchange.finish().wait();
  });
  return results;
}

}  // namespace

void scale(Bytes& x, std::int64_t begin, std::int64_t end, DType dtype, double factor) {
  with_dtype(dtype, [&]<class T>(Type<T>) {
    for (std::int64_t c = begin; c < end; ++c) {
      T value;
      std::byte* const at = x.data() + static_cast<std::size_t>(c) * sizeof(T);
      std::memcpy(&value, at, sizeof(T));
      value = narrow<T>(static_cast<Compute<T>>(factor) * widen(value));
      std::memcpy(at, &value, sizeof(T));
    }
  });
}

std::int64_t first_column(std::int64_t d, int rank) {
  return rules::grid(d, kRanks).first_column(rank);
}

Results deceived(const Setting& setting, const std::string& rule) {
  auto ends = local_transports(kRanks);
  auto& liar = ends[static_cast<std::size_t>(setting.liar)];
  liar = deceiving_transport(liar, Attack::parse(setting.attack));
  return all_reduce(setting, rule, ends, [](Bytes&, int, std::int64_t) {});
}

Results honest(const Setting& setting, const std::string& rule, const Alter& alter) {
  return all_reduce(setting, rule, local_transports(kRanks), alter);
}

}  // namespace byzccl::test::liars
