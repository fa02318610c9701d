// SPDX-License-Identifier: MIT
// The text form of a rule, both ways (RULES section 6).

#include <algorithm>
#include <array>
#include <byzccl/error.hpp>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "csrc/rule_table.hpp"
#include "csrc/text_length.hpp"

namespace byzccl {
namespace {

struct Argument {
  std::string_view name;
  std::string_view number;
};

/// A step or a rule, as it was written.
struct Term {
  std::string_view name;
  std::vector<Argument> arguments;
};

class Scanner {
 public:
  /// @param kind  of text, for messages: "rule" or "steps"
  Scanner(std::string_view text, std::string_view kind) : text_(text), kind_(kind) {}

  /// expression := term { "+" term }
  std::vector<Term> expression() {
    std::vector<Term> terms;
    do {
      terms.push_back(term());
    } while (eat('+'));
    if (at_ < text_.size()) fail("the end");
    return terms;
  }

 private:
  Term term() {
    Term term{name(kind_ == "rule" ? "a rule" : "a step"), {}};
    if (!eat('(') || eat(')')) return term;
    do {
      Argument argument{name("a parameter"), {}};
      if (!eat('=')) fail("\"=\" and a number");
      argument.number = number();
      for (const Argument& earlier : term.arguments) {
        BYZCCL_CHECK(earlier.name != argument.name, "parameter \"", argument.name,
                     "\" is given twice in \"", text_, "\"");
      }
      term.arguments.push_back(argument);
    } while (eat(','));
    if (!eat(')')) fail("\",\" or \")\"");
    return term;
  }

  std::string_view name(std::string_view what) {
    skip_spaces();
    const std::size_t begin = at_;
    while (at_ < text_.size() && ((text_[at_] >= 'a' && text_[at_] <= 'z') || text_[at_] == '_')) {
      ++at_;
    }
    if (at_ == begin) fail(what);
    return text_.substr(begin, at_ - begin);
  }

  std::string_view number() {
    skip_spaces();
    const std::size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t,()=", at_), text_.size());
    if (at_ == begin) fail("a number");
    return text_.substr(begin, at_ - begin);
  }

  bool eat(char token) {
    skip_spaces();
    if (at_ == text_.size() || text_[at_] != token) return false;
    ++at_;
    return true;
  }

  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  [[noreturn]] void fail(std::string_view expected) {
    skip_spaces();
    const std::string found =
        at_ == text_.size() ? "it ends" : concat("there is \"", text_.substr(at_), "\"");
    throw_invalid_argument(concat("cannot read the ", kind_, " \"", text_, "\": expected ",
                                  expected, ", but ", found));
  }

  std::string_view text_;
  std::string_view kind_;
  std::size_t at_ = 0;
};

/// Insertions, deletions, substitutions and swaps of neighbours that turn a into b.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const std::size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

[[noreturn]] void throw_unknown_rule(std::string_view name) {
  constexpr std::size_t kFarthestGuess = 2;
  // No name of a rule is longer: what is far longer is not compared at all.
  constexpr std::size_t kLongestName = 32;
  std::string_view guess;
  std::string known;
  std::size_t best = kFarthestGuess + 1;
  for (const RuleInfo& row : rule_table()) {
    known += known.empty() ? "" : ", ";
    known += row.name;
    const std::size_t distance = name.size() > kLongestName ? best : edit_distance(name, row.name);
    if (distance < best && distance < row.name.size() - 1) {
      best = distance;
      guess = row.name;
    }
  }
  throw_invalid_argument(guess.empty()
                             ? concat("unknown rule \"", name, "\"; known: ", known)
                             : concat("unknown rule \"", name, "\"; did you mean ", guess, "?"));
}

template <class T>
T read_number(std::string_view owner, const Argument& argument, std::string_view what) {
  T value{};
  const char* end = argument.number.data() + argument.number.size();
  const auto [stop, error] = std::from_chars(argument.number.data(), end, value);
  BYZCCL_CHECK(error != std::errc::result_out_of_range, owner, ": ", argument.name, " = ",
               argument.number, " is out of range");
  BYZCCL_CHECK(error == std::errc{} && stop == end && std::isfinite(static_cast<double>(value)),
               owner, ": ", argument.name, " must be ", what, ", got \"", argument.number, "\"");
  return value;
}

template <class T>
void read_argument(const Signature& signature, const Argument& argument, T& owner) {
  for (const Parameter<T>& parameter : all_parameters<T>()) {
    if (parameter.name != argument.name) continue;
    if (parameter.integer) {
      owner.*parameter.integer = read_number<std::int64_t>(signature.name, argument, "an integer");
    } else {
      owner.*parameter.real = read_number<double>(signature.name, argument, "a finite number");
    }
    return;
  }
  throw_no_parameter(signature, argument.name);
}

/// `next` is the row of the first step that may still come.
void read_step(const Term& term, std::string_view text, const StepInfo*& next, Rule& rule) {
  BYZCCL_CHECK(!row_named(term.name), term.name, " is a rule, and a rule comes last: \"", text,
               "\"");
  const StepInfo* row = step_named(term.name);
  if (!row) {
    throw_invalid_argument(
        concat("unknown step \"", term.name, "\"; known: bucketing, clip, arc, nnm"));
  }
  BYZCCL_CHECK(row >= next, "steps come in the order bucketing, clip or arc, nnm, each at most ",
               "once: \"", text, "\"");
  Step step{.kind = row->kind};
  for (const Argument& argument : term.arguments) {
    read_argument(signature_of(*row), argument, step);
  }
  rule.*row->place = step;
  next = row + 1;
  const StepInfo* end = step_table().data() + step_table().size();
  while (next < end && next->place == row->place) ++next;
}

template <class T>
std::string write_term(const Signature& signature, const T& owner) {
  std::string text;
  for (const ParameterInfo& info : signature.parameters) {
    const Parameter<T>& parameter = parameter_named<T>(info.name);
    if (!is_given(parameter, owner)) continue;
    std::array<char, 32> digits;  // the longest shortest double has 24 characters
    char* end = digits.data() + digits.size();
    end = (parameter.integer ? std::to_chars(digits.data(), end, *(owner.*parameter.integer))
                             : std::to_chars(digits.data(), end, *(owner.*parameter.real)))
              .ptr;
    text += text.empty() ? "(" : ",";
    text += concat(info.name, "=", std::string_view(digits.data(), end));
  }
  return concat(signature.name, text, text.empty() ? "" : ")");
}

/// The steps of a rule, each with the "+" behind it.
std::string write_steps(const Rule& rule) {
  std::string text;
  for (const StepInfo& row : step_table()) {
    const std::optional<Step>& step = rule.*row.place;
    if (step && step->kind == row.kind) text += write_term(signature_of(row), *step) + "+";
  }
  return text;
}

}  // namespace

Rule Rule::parse(std::string_view text) {
  check_length(text, "a rule");
  const std::vector<Term> terms = Scanner(text, "rule").expression();
  Rule rule;
  const StepInfo* next = step_table().data();
  for (std::size_t i = 0; i + 1 < terms.size(); ++i) read_step(terms[i], text, next, rule);
  const Term& term = terms.back();
  BYZCCL_CHECK(!step_named(term.name), term.name, " is a step, and a rule must follow: \"", text,
               "\"");
  const RuleInfo* row = row_named(term.name);
  if (!row) throw_unknown_rule(term.name);
  rule.kind = row->kind;
  for (const Argument& argument : term.arguments) read_argument(signature_of(*row), argument, rule);
  check_parameters(rule);
  return rule;
}

PreAggregation PreAggregation::parse(std::string_view text) {
  check_length(text, "steps");
  Rule read;
  const StepInfo* next = step_table().data();
  for (const Term& term : Scanner(text, "steps").expression()) {
    BYZCCL_CHECK(!row_named(term.name), term.name,
                 " is a rule, and pre_aggregate takes steps alone: \"", text, "\"");
    read_step(term, text, next, read);
  }
  check_parameters(read);
  return {read.bucketing, read.scaling, read.nnm};
}

std::string to_text(const PreAggregation& steps) {
  std::string text = write_steps(steps_before(steps, RuleKind::kMean));
  if (!text.empty()) text.pop_back();
  return text;
}

std::string to_text(const Rule& rule) {
  return write_steps(rule) + write_term(signature_of(row_of(rule.kind)), rule);
}

}  // namespace byzccl
