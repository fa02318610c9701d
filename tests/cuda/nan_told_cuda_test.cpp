// SPDX-License-Identifier: MIT
// No result of a device is NaN without a word: over every rule, step and awkward input.

#include <byzccl/cuda.hpp>
#include <string>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "support/awkward.hpp"
#include "support/catch.hpp"
#include "support/nan_told.hpp"
#include "tests/cuda/support/device_rows.hpp"

namespace byzccl {
namespace {

using test::Row;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
const std::vector<DType> kTypes = {DType::kFloat32};
#else
const std::vector<DType> kTypes(std::begin(test::kEveryDType), std::end(test::kEveryDType));
#endif

/// Every input with one text of `stride`, another one for each input: the double is slow.
void check(const std::vector<std::string>& texts, int n, DType dtype, std::size_t stride) {
  const std::int64_t d = 9;
  const cuda::Stream stream;
  const auto memory = cuda::allocate(d * size_of(dtype), stream.get());
  std::size_t first = 0;
  for (const test::Awkward& input : test::awkward_inputs(n, d, dtype)) {
    const test::DeviceRows rows(input.rows, stream.get());
    for (std::size_t k = first++ % stride; k < texts.size(); k += stride) {
      const std::string& text = texts[k];
      const Rule rule = Rule::parse(text);
      if (test::passes_nan(rule, plan(rule, n, dtype))) continue;
      CAPTURE(text, n, to_text(dtype), input.name);
      Row out(d, dtype);
      const Report report = cuda::explain(rows.x(), d, dtype, rule, memory.get(), stream.get(),
                                          {.own = n - 1, .step = 1})
                                .read();
      test::read(out.data(), memory.get(), out.bytes(), stream.get());
      test::check_nan_is_told(out, d, report);
    }
  }
}

TEST_CASE("a device's result is NaN only where the report says failed or counts the columns") {
  for (const DType dtype : kTypes) {
    check(test::every_rule_behind_steps(7), 7, dtype, dtype == DType::kFloat32 ? 5 : 17);
    check({"clip(tau=1)+mean", "clip(tau=1)+median", "clip(tau=1)+geometric_median"}, 1, dtype, 1);
  }
}

}  // namespace
}  // namespace byzccl
