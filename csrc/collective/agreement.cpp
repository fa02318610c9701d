// SPDX-License-Identifier: MIT
#include "csrc/collective/agreement.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <functional>
#include <string>

#include "csrc/collective/faults.hpp"

namespace byzccl::collective {
namespace {

using Headers = std::vector<Header>;

std::string list_ranks(const std::vector<int>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    text += concat(i == 0 ? "" : ", ", ranks[i]);
  }
  return text;
}

/// The distinct values in the order of the first rank that sent each, with all who did.
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

using Reader = std::function<std::string(const Header&)>;

/// A line for the message if the headers differ in what `read` shows.
std::string compare(const Headers& headers, const std::string& name, const Reader& read) {
  Votes votes;
  for (std::size_t r = 0; r < headers.size(); ++r) {
    votes.count(read(headers[r]), static_cast<int>(r));
  }
  if (votes.values.size() == 1) return "";
  std::string line = "ranks disagree on " + name + ":";
  for (std::size_t i = 0; i < votes.values.size(); ++i) {
    const Votes::Value& value = votes.values[i];
    line += concat(i == 0 ? " " : "; ", value.text.empty() ? "(empty)" : value.text, " from ",
                   list_ranks(value.ranks));
  }
  return line + "\n";
}

std::string describe_call(const Header& header) {
  return header.message == Message::kAdd ? concat("add ", header.index)
                                         : concat("finish after ", header.index, " adds");
}

std::string describe_previous(const Header& header) {
  if (header.previous == 0) return "none";
  std::string digits(16, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    digits[i] = "0123456789abcdef"[header.previous >> (60 - 4 * i) & 15];
  }
  return concat("one with digest ", digits);
}

std::string find_differences(const Headers& headers) {
  std::string lines = compare(headers, "protocol version",
                              [](const Header& h) { return std::to_string(h.version); });
  if (!lines.empty()) return lines;
  lines += compare(headers, "rule", [](const Header& h) { return std::string(h.rule); });
  lines +=
      compare(headers, "collective", [](const Header& h) { return to_text(h.operation, h.root); });
  lines += compare(headers, "algorithm",
                   [](const Header& h) { return std::string(to_text(h.algorithm)); });
  lines += compare(headers, "step", [](const Header& h) { return std::to_string(h.step); });
  lines += compare(headers, "call", describe_call);
  const bool adds = std::all_of(headers.begin(), headers.end(),
                                [](const Header& h) { return h.message == Message::kAdd; });
  if (adds) {
    lines +=
        compare(headers, "dtype", [](const Header& h) { return std::string(to_text(h.dtype)); });
    lines += compare(headers, "count", [](const Header& h) { return std::to_string(h.count); });
  }
  lines += compare(headers, "world size", [](const Header& h) { return std::to_string(h.size); });
  lines += compare(headers, "chunk_bytes",
                   [](const Header& h) { return std::to_string(h.chunk_bytes); });
  // In a ring every rank adds up all of D by itself, and only one kind gives one D.
  if (headers.front().algorithm == Algorithm::kRing) {
    lines += compare(headers, "device kind", [](const Header& h) { return std::string(h.kind); });
  }
  // Who calls otherwise, or refuses, need not have one.
  const bool refused =
      std::any_of(headers.begin(), headers.end(), [](const Header& h) { return h.refused != 0; });
  if (lines.empty() && !refused) lines = compare(headers, "previous output", describe_previous);
  return lines;
}

}  // namespace

Agreement agree(Mail& mail, std::vector<Header>& headers, std::exception_ptr refusal) {
  const int n = mail.size();
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int offset = 1; offset < n; ++offset) {
    in.push_back({mail.peer(-offset), &headers[mail.peer(-offset)], sizeof(Header)});
    out.push_back({mail.peer(offset), &headers[mail.rank()], sizeof(Header)});
  }
  mail.exchange_uncut(out, in);

  std::int64_t step = 0;
  bool any_refused = false;
  bool all_refused = true;
  bool all_last = true;
  std::string refusals;
  for (int r = 0; r < n; ++r) {
    const Header& header = headers[r];
    const std::string fault = find_fault(header, r);
    if (!fault.empty()) throw ProtocolError(r, fault);
    if (header.version != kVersion) continue;
    step = std::max(step, header.step);
    any_refused = any_refused || header.refused != 0;
    all_refused = all_refused && header.refused != 0;
    all_last = all_last && header.last != 0;
    if (header.refused != 0) refusals += concat("rank ", r, " refused: ", header.reason, "\n");
  }
  Agreement agreement{
      .next_step = std::min(step + 1, kMaxStep), .error = nullptr, .last = all_last};
  std::string differences = find_differences(headers);
  if (differences.empty() && all_refused) {
    agreement.error = std::move(refusal);
  } else if (!differences.empty() || any_refused) {
    differences += refusals;
    differences.pop_back();
    agreement.error = std::make_exception_ptr(MismatchError(differences));
  }
  return agreement;
}

}  // namespace byzccl::collective
