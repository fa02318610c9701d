// SPDX-License-Identifier: MIT
#include "csrc/local_plan.hpp"

#include <byzccl/error.hpp>

namespace byzccl {

Plan local_plan(std::span<const void* const> x, std::int64_t d, DType dtype, const Rule& rule,
                const Caller& caller) {
  Plan plan = byzccl::plan(rule, static_cast<int>(x.size()), dtype);
  check_vectors("aggregate", x, d);
  BYZCCL_CHECK(!plan.needs_own || (caller.own >= 0 && caller.own < plan.n), to_text(rule),
               " needs the caller's own vector, 0 <= own < n, got own = ", caller.own,
               ", n = ", plan.n);
  BYZCCL_CHECK(caller.step >= 0, "step must not be negative, got ", caller.step);
  plan.own = caller.own;
  plan.step = caller.step;
  return plan;
}

void check_vectors(std::string_view call, std::span<const void* const> x, std::int64_t d) {
  BYZCCL_CHECK(d >= 0, call, " needs d >= 0, got d = ", d);
  for (std::size_t i = 0; d > 0 && i < x.size(); ++i) {
    BYZCCL_CHECK(x[i] != nullptr, call, " got a null pointer for vector ", i, ", d = ", d);
  }
}

void check_output(const void* out, std::int64_t d) {
  BYZCCL_CHECK(out != nullptr || d == 0, "aggregate got a null pointer for the output, d = ", d);
}

}  // namespace byzccl
