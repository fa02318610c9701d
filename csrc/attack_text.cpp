// SPDX-License-Identifier: MIT
// The text form of an adversary, read both ways from the table.

#include <algorithm>
#include <array>
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "csrc/attack_table.hpp"
#include "csrc/text_length.hpp"

namespace byzccl {
namespace {

using attacks::kDirections;
using attacks::Parameter;
using attacks::Row;

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
  Perturbation direction() {
    skip_spaces();
    const std::string_view before = rest_;
    const std::string_view word = rest_.empty() || !is_lower(rest_.front()) ? "" : name();
    const auto found = std::find(kDirections.begin(), kDirections.end(), word);
    if (found != kDirections.end()) return static_cast<Perturbation>(found - kDirections.begin());
    rest_ = before;
    fail("unit, std or sign");
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

template <class T>
T read_value(Reader& reader) {
  if constexpr (std::is_enum_v<T>) {
    return reader.direction();
  } else {
    return reader.number<T>(std::is_integral_v<T> ? "an integer" : "a finite number");
  }
}

void read_parameter(Reader& reader, const Row& row, Attack& attack) {
  const std::string_view name = reader.name();
  const Parameter* found = nullptr;
  for (const Parameter& parameter : row.parameters()) {
    if (parameter.name == name) found = &parameter;
  }
  BYZCCL_CHECK(found != nullptr, row.name, " has no parameter \"", name, "\"; it has ",
               names(row.parameters()));
  reader.expect('=');
  std::visit(
      [&](auto member) {
        using T = typename std::remove_reference_t<decltype(attack.*member)>::value_type;
        BYZCCL_CHECK(!(attack.*member), row.name, " has ", name, " twice");
        attack.*member = read_value<T>(reader);
      },
      found->member);
}

std::string value_text(double value) {
  std::array<char, 32> digits;
  return {digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr};
}
std::string value_text(std::int64_t value) { return std::to_string(value); }
std::string value_text(Perturbation value) {
  return std::string(kDirections[static_cast<std::size_t>(value)]);
}

// What holds where the parameter is left out.
std::string fallback_text(const Parameter& parameter) {
  if (!parameter.otherwise.empty()) return concat('<', parameter.otherwise, '>');
  return std::visit(
      [&]<class T>(std::optional<T> Attack::*) {
        return value_text(static_cast<T>(parameter.fallback));
      },
      parameter.member);
}

}  // namespace

Attack Attack::parse(std::string_view text) {
  check_length(text, "an attack");
  Reader reader(text);
  const std::string_view name = reader.name();
  const Row* row = nullptr;
  for (const Row& candidate : attacks::table()) {
    if (candidate.name == name) row = &candidate;
  }
  BYZCCL_CHECK(row != nullptr, "unknown attack \"", name, "\"; known are ",
               names(attacks::table()));
  Attack attack{.kind = row->kind};
  if (reader.accept('(') && !reader.accept(')')) {
    do read_parameter(reader, *row, attack);
    while (reader.accept(','));
    reader.expect(')');
  }
  reader.expect_end();
  attacks::complete(attack);  // its bounds
  return attack;
}

std::string to_text(const Attack& attack) {
  const Row& row = attacks::row_of(attack.kind);
  std::string list;
  for (const Parameter& parameter : row.parameters()) {
    std::visit(
        [&](auto member) {
          if (!(attack.*member)) return;
          list += list.empty() ? "(" : ",";
          list += concat(parameter.name, '=', value_text(*(attack.*member)));
        },
        parameter.member);
  }
  return concat(row.name, list, list.empty() ? "" : ")");
}

std::vector<AttackInfo> attack_table() {
  std::vector<AttackInfo> infos;
  for (const Row& row : attacks::table()) {
    std::vector<AttackParameter> parameters;
    for (const Parameter& parameter : row.parameters()) {
      parameters.push_back({parameter.name, fallback_text(parameter)});
    }
    infos.push_back({row.kind, row.name, row.description, row.on_messages, row.asks_rule,
                     std::move(parameters)});
  }
  return infos;
}

}  // namespace byzccl
