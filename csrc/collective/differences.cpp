// SPDX-License-Identifier: MIT
#include "csrc/collective/differences.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <cstddef>
#include <utility>

namespace byzccl::collective {
namespace {

/// Headers, each with the rank that its value is laid to.
using Said = std::vector<std::pair<int, const Header*>>;

/// The distinct values in the order of the first rank of each, with all its ranks.
struct Votes {
  struct Value {
    std::string text;
    std::vector<int> ranks;
  };
  std::vector<Value> values;

  void count(const std::string& text, int rank) {
    for (Value& value : values) {
      if (value.text == text) return value.ranks.push_back(rank);
    }
    values.push_back({text, {rank}});
  }
};

std::string describe_call(const Header& header) {
  return header.message == Message::kAdd ? concat("add ", header.index)
                                         : concat("finish after ", header.index, " adds");
}

std::string describe_previous(const Header& header) {
  if (header.previous == 0) return "none";
  std::string digits;
  for (int shift = 60; shift >= 0; shift -= 4) {
    digits += "0123456789abcdef"[header.previous >> shift & 15];
  }
  return concat("one with digest ", digits);
}

std::string describe_refusal(const Header& header) {
  return header.refused == 0 ? "none" : concat("\"", header.reason, "\"");
}

struct Field {
  const char* name;
  std::string (*read)(const Header&);

  /// "krum(f=1) from ranks 0, 1; mean from rank 2"; empty if all say the same.
  std::string compare(const Said& said, const char* link) const {
    Votes votes;
    for (const auto& [rank, header] : said) votes.count(read(*header), rank);
    if (votes.values.size() < 2) return "";
    std::string list;
    for (const Votes::Value& value : votes.values) {
      list += concat(list.empty() ? "" : "; ", value.text.empty() ? "(empty)" : value.text, link,
                     list_ranks(value.ranks));
    }
    return list;
  }
};

const Field kVersionField{"protocol version",
                          [](const Header& h) { return std::to_string(h.version); }};
const Field kKindField{"device kind", [](const Header& h) { return std::string(h.kind); }};
const Field kPreviousField{"previous output", describe_previous};
/// In which ranks must always agree.
const Field kCallFields[] = {
    {"rule", [](const Header& h) { return std::string(h.rule); }},
    {"collective", [](const Header& h) { return to_text(h.operation, h.root); }},
    {"algorithm", [](const Header& h) { return std::string(to_text(h.algorithm)); }},
    {"step", [](const Header& h) { return std::to_string(h.step); }},
    {"call", describe_call}};
const Field kAddFields[] = {
    {"dtype", [](const Header& h) { return std::string(to_text(h.dtype)); }},
    {"count", [](const Header& h) { return std::to_string(h.count); }}};
const Field kGroupFields[] = {
    {"world size", [](const Header& h) { return std::to_string(h.size); }},
    {"chunk_bytes", [](const Header& h) { return std::to_string(h.chunk_bytes); }}};
/// In which ranks may differ, but what one rank says must be the same to all.
const Field kOwnFields[] = {
    {"refusal", describe_refusal},
    {"finish", [](const Header& h) { return std::string(h.last != 0 ? "with it" : "apart"); }}};
/// Which say nothing in this call, but to some they said something else.
const Field kIdleFields[] = {{"root", [](const Header& h) { return std::to_string(h.root); }},
                             {"reason", [](const Header& h) { return std::string(h.reason); }}};

/// Calls visit(field) for every field that says something.
template <class Visit>
void for_all_fields(Visit&& visit) {
  visit(kVersionField);
  for (const Field& field : kCallFields) visit(field);
  for (const Field& field : kAddFields) visit(field);
  for (const Field& field : kGroupFields) visit(field);
  visit(kKindField);
  visit(kPreviousField);
  for (const Field& field : kOwnFields) visit(field);
}

}  // namespace

std::string list_ranks(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    text += concat(i == 0 ? "" : ", ", ranks[i]);
  }
  return text;
}

std::string find_differences(const std::vector<Header>& headers) {
  Said said;
  for (std::size_t r = 0; r < headers.size(); ++r) {
    said.emplace_back(static_cast<int>(r), &headers[r]);
  }
  std::string lines;
  const auto compare = [&](const Field& field) {
    const std::string list = field.compare(said, " from ");
    if (!list.empty()) lines += concat("ranks disagree on ", field.name, ": ", list, "\n");
  };
  compare(kVersionField);
  if (!lines.empty()) return lines;
  for (const Field& field : kCallFields) compare(field);
  const bool adds = std::all_of(headers.begin(), headers.end(),
                                [](const Header& h) { return h.message == Message::kAdd; });
  if (adds) {
    for (const Field& field : kAddFields) compare(field);
  }
  for (const Field& field : kGroupFields) compare(field);
  // In a ring every rank adds up all of D by itself, and only one kind gives one D.
  if (headers.front().algorithm == Algorithm::kRing) compare(kKindField);
  // Who calls otherwise, or refuses, need not have one.
  const bool refused =
      std::any_of(headers.begin(), headers.end(), [](const Header& h) { return h.refused != 0; });
  if (lines.empty() && !refused) compare(kPreviousField);
  return lines;
}

std::string describe_claims(const std::map<int, Header>& claims) {
  Said said;
  for (const auto& [rank, header] : claims) said.emplace_back(rank, &header);
  std::string text;
  const auto describe = [&](const Field& field) {
    const std::string list = field.compare(said, " to ");
    if (!list.empty()) text += concat(text.empty() ? "" : ", ", field.name, " ", list);
  };
  if (!kVersionField.compare(said, " to ").empty()) {
    describe(kVersionField);  // of another version nothing else can be read
  } else {
    for_all_fields(describe);
    for (const Field& field : kIdleFields) {
      if (text.empty()) describe(field);
    }
  }
  return text.empty() ? "headers that differ where nothing is read" : text;
}

}  // namespace byzccl::collective
