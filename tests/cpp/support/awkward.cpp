// SPDX-License-Identifier: MIT
#include "support/awkward.hpp"

#include <byzccl/error.hpp>
#include <byzccl/rule.hpp>
#include <limits>

namespace byzccl::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The ends of a dtype's range: near its largest value, and below its smallest normal one.
struct Range {
  double huge;
  double tiny;
};

Range range_of(DType dtype) {
  switch (dtype) {
    case DType::kFloat16:
      return {6e4, 3e-7};
    case DType::kFloat64:
      return {1.7e308, 4e-320};
    default:
      return {3.3e38, 1e-39};
  }
}

bool is_accepted(const std::string& text, int n) {
  try {
    plan(Rule::parse(text), n, DType::kFloat32);
    return true;
  } catch (const InvalidArgument&) {
    return false;
  }
}

/// The rule with what it needs; of those f that all bounds allow, the largest below n / 3.
std::string with_parameters(const std::string& steps, const RuleInfo& row, int n) {
  for (int f = (n - 1) / 3; f >= 0; --f) {
    std::string text = concat(steps, row.name);
    if (row.kind == RuleKind::kCenteredClipping) {
      text += concat("(tau=0.5,f=", f, ",iterations=3)");
    } else if (!row.parameters.empty()) {
      text += concat("(f=", f, ")");
    }
    if (is_accepted(text, n)) return text;
  }
  return "";
}

}  // namespace

std::vector<std::string> every_rule_behind_steps(int n) {
  std::vector<std::string> texts;
  for (const char* steps : {"", "bucketing(s=2)+", "clip(tau=1)+", "clip(tau=1e-200)+", "arc+",
                            "nnm+", "arc+nnm+", "bucketing(s=2)+arc+nnm+"}) {
    for (const RuleInfo& row : rule_table()) {
      const std::string text = with_parameters(steps, row, n);
      if (!text.empty()) texts.push_back(text);
    }
  }
  return texts;
}

std::vector<Awkward> awkward_inputs(int n, std::int64_t d, DType dtype) {
  const auto [huge, tiny] = range_of(dtype);
  std::vector<Awkward> inputs;
  const auto add = [&](const char* name, auto value) {
    Random random(5);
    inputs.push_back({name, make_stack(n, d, dtype, [&](int i, std::int64_t c) {
                        return value(random.uniform(), i, static_cast<int>(c));
                      })});
  };
  const int f = (n - 1) / 3;
  add("zeros", [](double, int, int) { return 0.0; });
  add("one row is not zero", [](double u, int i, int) { return i == 0 ? u : 0; });
  add("most rows are zero", [=](double u, int i, int) { return 2 * i < n - 1 ? u : 0; });
  add("few rows are zero", [=](double u, int i, int) { return i < f ? 0 : u; });
  add("one NaN", [](double u, int i, int c) { return i == 1 && c == 0 ? kNan : u; });
  add("f rows are NaN", [=](double u, int i, int) { return i < f ? kNan : u; });
  add("too many NaN", [=](double u, int i, int c) { return i <= f + c % 2 ? kNan : u; });
  add("all NaN", [](double, int, int) { return kNan; });
  add("one row is infinite", [=](double u, int i, int) { return i == n - 1 ? kInfinity : u; });
  add("both infinities", [](double u, int i, int c) {
    return i > 2 ? u : (i + c) % 2 == 0 ? kInfinity : -kInfinity;
  });
  add("huge", [=](double u, int i, int c) { return (i + c) % 2 == 0 ? huge * u : -huge; });
  add("huge and alike", [=](double u, int, int) { return huge * (1 - 1e-3 * u * u); });
  add("f rows are huge", [=](double u, int i, int) { return i < f ? huge : u; });
  add("denormal", [=](double u, int, int) { return tiny * u; });
  add("denormal and zero", [=](double u, int i, int) { return i % 2 == 0 ? tiny * u : 0; });
  add("ties", [](double, int i, int c) { return (i * 7 + c * 3) % 3 - 1; });
  add("all alike", [](double, int, int c) { return c - 1; });
  add("everything", [=](double u, int i, int c) {
    const double values[] = {u, 0, kNan, kInfinity, -huge, tiny, u * 1e3, -kInfinity};
    return values[(i + c * (i % 2)) % 8];
  });
  return inputs;
}

}  // namespace byzccl::test
