// SPDX-License-Identifier: MIT
#include "csrc/attack_trial.hpp"

#include <algorithm>
#include <byzccl/error.hpp>

#include "csrc/attack_table.hpp"

namespace byzccl::attacks {

Trial::Trial(std::span<const void* const> honest, std::int64_t d, DType dtype,
             const AttackContext& context, const Rule& rule)
    : honest_(honest.size()),
      d_(d),
      dtype_(dtype),
      rule_(rule),
      caller_{.own = context.receiver, .step = context.step},
      crafted_(static_cast<std::size_t>(d) * size_of(dtype)),
      output_(crafted_.size()),
      x_(honest.begin(), honest.end()) {
  x_.resize(honest_ + static_cast<std::size_t>(context.f), crafted_.data());
}

bool Trial::is_selected() const {
  const Report report = explain(x_, d_, dtype_, rule_, nullptr, caller_);
  return std::any_of(report.weights.begin() + static_cast<std::ptrdiff_t>(honest_),
                     report.weights.end(), [](double weight) { return weight > 0; });
}

const void* Trial::output() {
  aggregate(x_, d_, dtype_, rule_, output_.data(), caller_);
  return output_.data();
}

}  // namespace byzccl::attacks
