// SPDX-License-Identifier: MIT
#include "support/vectors_run.hpp"

namespace byzccl::testing {

std::vector<int> Result::selected() const {
  std::vector<int> rows;
  for (std::size_t i = 0; i < report.weights.size(); ++i) {
    if (report.weights[i] != 0) rows.push_back(static_cast<int>(i));
  }
  return rows;
}

Result run(const Rule& rule, const Matrix& x, DType dtype, const Caller& caller) {
  const Packed packed(x, dtype);
  Result result;
  result.bytes.resize(x[0].size() * size_of(dtype));
  result.report = explain(packed.rows(), static_cast<std::int64_t>(x[0].size()), dtype, rule,
                          result.bytes.data(), caller);
  result.out = unpack(result.bytes, dtype);
  return result;
}

}  // namespace byzccl::testing
