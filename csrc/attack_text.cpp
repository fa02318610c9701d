// SPDX-License-Identifier: MIT
// The text form of an adversary: one table, read both ways.

#include <array>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <variant>

namespace byzccl {
namespace {

using Real = std::optional<double> Attack::*;
using Integer = std::optional<std::int64_t> Attack::*;

struct Parameter {
  std::string_view name;
  std::variant<Real, Integer> member;
  bool negative = true;  ///< may be below 0
};

struct Row {
  AttackKind kind;
  std::string_view name;
  std::array<Parameter, 2> parameters{};
  std::size_t count = 0;
};

constexpr Parameter kScale{"scale", &Attack::scale};
constexpr Parameter kValue{"value", &Attack::value};
constexpr Parameter kTarget{"target", &Attack::target, false};

constexpr std::array kTable{
    Row{AttackKind::kNone, "none"},
    Row{AttackKind::kSignFlip, "sign_flip", {kScale}, 1},
    Row{AttackKind::kAlie, "alie", {Parameter{"z", &Attack::z}}, 1},
    Row{AttackKind::kInnerProduct, "ipm", {kScale}, 1},
    Row{AttackKind::kGaussian, "gaussian", {Parameter{"sigma", &Attack::sigma, false}}, 1},
    Row{AttackKind::kConstant, "constant", {kValue}, 1},
    Row{AttackKind::kSpike, "spike", {kValue, kTarget}, 2},
    Row{AttackKind::kNan, "nan"},
    Row{AttackKind::kInf, "inf"},
    Row{AttackKind::kMimic, "mimic", {kTarget}, 1},
};

std::span<const Parameter> parameters_of(const Row& row) {
  return std::span(row.parameters).first(row.count);
}

template <class Items>
std::string names(const Items& items) {
  std::string list;
  for (const auto& item : items) {
    if (!list.empty()) list += ", ";
    list += item.name;
  }
  return list.empty() ? "none" : list;
}

// Takes tokens off the front of the text.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text), rest_(text) {}

  std::string_view name() {
    skip_spaces();
    std::size_t length = 0;
    while (length < rest_.size() && (rest_[length] == '_' || is_lower(rest_[length]))) ++length;
    if (length == 0) fail("a name");
    return take(length);
  }
  bool accept(char c) {
    skip_spaces();
    if (rest_.empty() || rest_.front() != c) return false;
    take(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(concat('"', c, '"'));
  }
  void expect_end() {
    skip_spaces();
    if (!rest_.empty()) fail("the end");
  }
  // @param what  for the message: "a finite number" or "an integer"
  template <class T>
  T number(std::string_view what) {
    skip_spaces();
    T value{};
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{} || !std::isfinite(static_cast<double>(value))) fail(what);
    take(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

 private:
  static bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
  void skip_spaces() {
    while (rest_.starts_with(' ')) take(1);
  }
  std::string_view take(std::size_t length) {
    const std::string_view token = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return token;
  }
  [[noreturn]] void fail(std::string_view wanted) const {
    throw_invalid_argument(concat("attack \"", text_, "\": expected ", wanted, " at position ",
                                  text_.size() - rest_.size()));
  }
  std::string_view text_;
  std::string_view rest_;
};

void read_parameter(Reader& reader, const Row& row, Attack& attack) {
  const std::string_view name = reader.name();
  const Parameter* found = nullptr;
  for (const Parameter& parameter : parameters_of(row)) {
    if (parameter.name == name) found = &parameter;
  }
  BYZCCL_CHECK(found != nullptr, row.name, " has no parameter \"", name, "\"; it has ",
               names(parameters_of(row)));
  reader.expect('=');
  std::visit(
      [&](auto member) {
        using T = typename std::remove_reference_t<decltype(attack.*member)>::value_type;
        BYZCCL_CHECK(!(attack.*member), row.name, " has ", name, " twice");
        const T value = reader.number<T>(std::is_integral_v<T> ? "an integer" : "a finite number");
        BYZCCL_CHECK(found->negative || value >= 0, row.name, " needs ", name, " >= 0, got ", name,
                     " = ", value);
        attack.*member = value;
      },
      found->member);
}

}  // namespace

Attack Attack::parse(std::string_view text) {
  Reader reader(text);
  const std::string_view name = reader.name();
  const Row* row = nullptr;
  for (const Row& candidate : kTable) {
    if (candidate.name == name) row = &candidate;
  }
  BYZCCL_CHECK(row != nullptr, "unknown attack \"", name, "\"; known are ", names(kTable));
  Attack attack{.kind = row->kind};
  if (reader.accept('(') && !reader.accept(')')) {
    do read_parameter(reader, *row, attack);
    while (reader.accept(','));
    reader.expect(')');
  }
  reader.expect_end();
  return attack;
}

std::string to_text(const Attack& attack) {
  for (const Row& row : kTable) {
    if (row.kind != attack.kind) continue;
    std::string list;
    for (const Parameter& parameter : parameters_of(row)) {
      std::visit(
          [&](auto member) {
            if (!(attack.*member)) return;
            std::array<char, 32> digits;
            const auto end =
                std::to_chars(digits.data(), digits.data() + digits.size(), *(attack.*member)).ptr;
            list += list.empty() ? "(" : ",";
            list += concat(parameter.name, '=', std::string_view(digits.data(), end));
          },
          parameter.member);
    }
    return concat(row.name, list, list.empty() ? "" : ")");
  }
  throw_invalid_argument("an attack of unknown kind");
}

}  // namespace byzccl
