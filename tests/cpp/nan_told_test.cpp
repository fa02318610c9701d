// SPDX-License-Identifier: MIT
// No result is NaN without a word, and zeros are a vote: over every rule, step and awkward input.

#include <byzccl/aggregate.hpp>
#include <string>
#include <vector>

#include "support/awkward.hpp"
#include "support/catch.hpp"
#include "support/nan_told.hpp"

namespace byzccl {
namespace {

using test::Row;

TEST_CASE("A result is NaN only where the report says failed or counts the columns") {
  const std::int64_t d = 9;
  for (const int n : {1, 2, 7, 12}) {
    for (const std::string& text : test::every_rule_behind_steps(n)) {
      const Rule rule = Rule::parse(text);
      for (const DType dtype : test::kEveryDType) {
        if (test::passes_nan(rule, plan(rule, n, dtype))) continue;
        for (const test::Awkward& input : test::awkward_inputs(n, d, dtype)) {
          for (const int own : {0, n - 1}) {
            CAPTURE(text, n, to_text(dtype), input.name, own);
            Row out(d, dtype);
            const Report report = explain(test::pointers(input.rows), d, dtype, rule, out.data(),
                                          {.own = own, .step = 1});
            test::check_nan_is_told(out, d, report);
          }
        }
      }
    }
  }
}

TEST_CASE("Where most rows are zero, rules that are not the mean say zero behind arc and clip") {
  for (const DType dtype : test::kEveryDType) {
    for (const int zeros : {5, 6}) {
      const int n = 7;
      // The others are far away and alike: a rule may not follow them.
      const auto rows = test::make_stack(n, 4, dtype, [&](int i, std::int64_t c) {
        return i < n - zeros ? 3.0 + static_cast<double>(c) : 0;
      });
      for (const char* rule : {"krum(f=2)", "multi_krum(f=2)", "mda(f=2)", "cge(f=2)", "smea(f=2)",
                               "faba(f=2)", "caf(f=2)", "guarded_mean(f=2)", "median(f=2)",
                               "trimmed_mean(f=2)", "meamed(f=2)", "phocas(f=2)"}) {
        for (const std::string steps : {"arc+", "clip(tau=2)+", "clip(tau=1e-200)+"}) {
          CAPTURE(steps + rule, to_text(dtype), zeros);
          Row out(4, dtype);
          out.set(0, 1);
          const Report report =
              explain(test::pointers(rows), 4, dtype, Rule::parse(steps + rule), out.data());
          CHECK(!report.failed);
          CHECK(report.nan_columns == 0);
          for (int c = 0; c < 4; ++c) CHECK(std::fabs(out.at(c)) <= 1e-200);
        }
      }
    }
  }
}

TEST_CASE("What is scaled to nothing is zeros, and not absent") {
  const auto rows = test::make_stack(7, 3, DType::kFloat64, [](int i, std::int64_t c) {
    return 1e150 * (i + 1) * (c % 2 == 0 ? 1 : -1);
  });
  for (const std::string& text : test::every_rule_behind_steps(7)) {
    if (text.find("1e-200") == std::string::npos) continue;
    CAPTURE(text);
    Row out(3, DType::kFloat64);
    out.set(1, 7);
    const Report report = explain(test::pointers(rows), 3, DType::kFloat64, Rule::parse(text),
                                  out.data(), {.own = 0});
    CHECK(!report.failed);
    for (int c = 0; c < 3; ++c) CHECK(out.at(c) == 0);
  }
}

TEST_CASE("Where no row has a finite norm, nothing is left, and every column is counted") {
  const auto rows =
      test::make_stack(5, 6, DType::kFloat32, [](int, std::int64_t) { return std::nan(""); });
  for (const char* text : {"clip(tau=1)+mean", "arc(f=1)+mean", "clip(tau=1)+median"}) {
    CAPTURE(text);
    Row out(6, DType::kFloat32);
    const Report report =
        explain(test::pointers(rows), 6, DType::kFloat32, Rule::parse(text), out.data());
    CHECK(report.nan_columns == 6);
    CHECK(!report.failed);
    for (int c = 0; c < 6; ++c) CHECK(std::isnan(out.at(c)));
  }
}

}  // namespace
}  // namespace byzccl
