// SPDX-License-Identifier: MIT
// The text form of rules, both ways, and what its errors say.

#include <byzccl/error.hpp>
#include <byzccl/rule.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "support/catch.hpp"

namespace byzccl {
namespace {

std::string error_of(const std::string& text) {
  try {
    const Rule rule = Rule::parse(text);
    return "no error: " + to_text(rule);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
}

bool starts_with(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

TEST_CASE("text agrees with the conformance list") {
  std::ifstream file(std::string(BYZCCL_CONFORMANCE_DIR) + "/text.json");
  const nlohmann::json rows = nlohmann::json::parse(file);
  int agreed = 0;
  for (const auto& row : rows) {
    const std::string text = row["text"];
    const std::string error = error_of(text);
    CAPTURE(text, error);
    if (row.contains("error")) {
      CHECK_FALSE(starts_with(error, "no error"));
    } else {
      const std::string canonical = row["canonical"];
      CHECK(error == "no error: " + canonical);
      CHECK(Rule::parse(canonical) == Rule::parse(text));
      ++agreed;
    }
  }
  CHECK(agreed == 21);
}

TEST_CASE("every rule of the table reads back, with every parameter") {
  for (const RuleInfo& row : rule_table()) {
    std::string text(row.name);
    for (const ParameterInfo& parameter : row.parameters) {
      text += &parameter == row.parameters.data() ? "(" : ",";
      text += std::string(parameter.name) + "=3";
    }
    if (!row.parameters.empty()) text += ")";
    const Rule rule = Rule::parse(text);
    CHECK(rule.kind == row.kind);
    CHECK(to_text(rule) == text);
    CHECK(starts_with(error_of(std::string(row.name) + "(nonsense=1)"),
                      std::string(row.name) + " has no parameter \"nonsense\"; it has "));
  }
}

TEST_CASE("numbers are printed shortest and read exactly") {
  for (const double threshold : {1.0, 2.5, 0x1.0000000000001p0, 1e300, 12345678.9}) {
    Rule rule;
    rule.kind = RuleKind::kGuardedMean;
    rule.f = 1;
    rule.threshold = threshold;
    CHECK(Rule::parse(to_text(rule)) == rule);
  }
  CHECK(to_text(Rule::parse("guarded_mean(threshold=1e+30, f=0)")) ==
        "guarded_mean(f=0,threshold=1e+30)");
  CHECK(Rule::parse("krum(f=9223372036854775807)").f == INT64_MAX);
}

TEST_CASE("errors say what is known, or which bound broke") {
  CHECK(error_of("kurm(f=1)") == "unknown rule \"kurm\"; did you mean krum?");
  CHECK(error_of("trimed_mean(f=1)") == "unknown rule \"trimed_mean\"; did you mean trimmed_mean?");
  CHECK(error_of("xyzzy") ==
        "unknown rule \"xyzzy\"; known: krum, multi_krum, mda, bulyan, multi_bulyan, "
        "geometric_median, cge, monna, smea, caf, faba, centered_clipping, guarded_mean, mean, "
        "median, trimmed_mean, meamed, phocas");
  CHECK(error_of("krum(f=1,m=2)") == "krum has no parameter \"m\"; it has f, neighbors");
  CHECK(error_of("mean(f=1)") == "mean has no parameter \"f\"; it has none");
  CHECK(error_of("krum") == "krum needs f");
  CHECK(error_of("krum()") == "krum needs f");
  CHECK(error_of("krum(f=-1)") == "krum needs f >= 0, got f = -1");
  CHECK(error_of("krum(f=1,neighbors=0)") ==
        "krum needs 1 <= neighbors <= n - f - 1, got neighbors = 0");
  CHECK(error_of("krum(f=1.5)") == "krum: f must be an integer, got \"1.5\"");
  CHECK(error_of("krum(f=1e3)") == "krum: f must be an integer, got \"1e3\"");
  CHECK(error_of("krum(f=+1)") == "krum: f must be an integer, got \"+1\"");
  CHECK(error_of("krum(f=99999999999999999999)") ==
        "krum: f = 99999999999999999999 is out of range");
  CHECK(error_of("guarded_mean(f=1,threshold=0.5)") ==
        "guarded_mean needs threshold >= 1, got threshold = 0.5");
  CHECK(error_of("guarded_mean(f=1,threshold=inf)") ==
        "guarded_mean: threshold must be a finite number, got \"inf\"");
  CHECK(error_of("nmm+krum(f=1)") == "unknown step \"nmm\"; known: bucketing, clip, arc, nnm");
  CHECK(error_of("nnm+clip(tau=1)+mean") ==
        "steps come in the order bucketing, clip or arc, nnm, each at most once: "
        "\"nnm+clip(tau=1)+mean\"");
  CHECK(error_of("clip(tau=1)+arc+mean").substr(0, 26) == "steps come in the order bu");
  CHECK(error_of("bucketing(s=2)+nnm").substr(0, 13) == "nnm is a step");
  CHECK(error_of("clip(tau=0)+mean") == "clip needs tau > 0, got tau = 0");
  CHECK(error_of("clip+mean") == "clip needs tau");
  CHECK(error_of("nnm(s=1)+mean") == "nnm has no parameter \"s\"; it has f");
  CHECK(error_of("bucketing(s=2)+monna(f=1)").substr(0, 30) == "monna cannot come behind bucke");
  CHECK(error_of("krum(f=1)+mean") == "krum is a rule, and a rule comes last: \"krum(f=1)+mean\"");
  CHECK(error_of("krum(f=1,f=2)") == "parameter \"f\" is given twice in \"krum(f=1,f=2)\"");
  CHECK(error_of("krum(f=1))") ==
        "cannot read the rule \"krum(f=1))\": expected the end, but there is \")\"");
  CHECK(error_of("krum(f=1") ==
        "cannot read the rule \"krum(f=1\": expected \",\" or \")\", but it ends");
  CHECK(error_of("") == "cannot read the rule \"\": expected a rule, but it ends");
  CHECK(error_of(std::string(401, 'k')) ==
        "the text of a rule has at most 400 characters, got 401");
  CHECK(Rule::parse("krum(f=1)" + std::string(391, ' ')) == Rule::parse("krum(f=1)"));
}

}  // namespace
}  // namespace byzccl
