// SPDX-License-Identifier: MIT
#include "csrc/collective/verdict.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <set>
#include <string_view>

#include "csrc/collective/board_text.hpp"
#include "csrc/collective/rank_text.hpp"

namespace byzccl::collective {
namespace {

using Kind = Sighting::Kind;

bool contains(const std::vector<int>& ranks, int rank) {
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

/// Whether some other rank says `kind` of `rank`.
bool is_accused_of(Kind kind, int rank, const Words& words) {
  return std::any_of(words.sightings.begin(), words.sightings.end(), [&](const auto& entry) {
    return entry.first != rank && entry.second.kind == kind && contains(entry.second.peers, rank);
  });
}

bool gave_up(int rank, const Words& words) {
  const auto found = words.sightings.find(rank);
  return found != words.sightings.end() && found->second.kind == Kind::kGaveUp;
}

/// Whether it is among ranks that contradict each other, even in its own words.
bool is_contradicted(int rank, const Words& words) {
  return std::any_of(words.sightings.begin(), words.sightings.end(), [&](const auto& entry) {
    return entry.second.kind == Kind::kContradicted && contains(entry.second.peers, rank);
  });
}

/// Whether anybody's words are a reason to name `rank`.
bool is_accused(int rank, const Words& words) {
  if (gave_up(rank, words) || is_accused_of(Kind::kLied, rank, words)) return true;
  if (is_contradicted(rank, words)) return true;
  const auto presence = words.present.find(rank);
  if (presence != words.present.end() && presence->second == Presence::kWaits) return false;
  if (is_accused_of(Kind::kTimedOut, rank, words)) return true;
  if (is_accused_of(Kind::kGone, rank, words)) return true;
  const bool all_must_be_there =
      std::any_of(words.sightings.begin(), words.sightings.end(),
                  [](const auto& entry) { return entry.second.everybody; });
  return all_must_be_there && !words.has(rank);
}

std::string list(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += concat(text.empty() ? "" : ", ", rank);
  if (ranks.empty()) return "nobody";
  return concat(ranks.size() == 1 ? "rank " : "ranks ", text);
}

}  // namespace

std::string to_text(const Verdict& verdict) {
  std::string text;
  for (const int suspect : verdict.suspects) text += concat(suspect, " ");
  return cut(concat(text, "\n", printable(verdict.message)), kMaxText);
}

std::optional<Verdict> parse_verdict(const std::string& text, int n) {
  std::string_view rest = text;
  if (rest.size() > kMaxText) return std::nullopt;
  std::set<int> suspects;
  while (!rest.starts_with('\n')) {
    const std::optional<int> suspect = take_rank(rest, n);
    if (!suspect || !rest.starts_with(' ')) return std::nullopt;
    rest.remove_prefix(1);
    suspects.insert(*suspect);
  }
  return Verdict{{suspects.begin(), suspects.end()}, printable(rest.substr(1))};
}

bool agrees(const Verdict& verdict, const Words& words, int me) {
  const Sighting& own = words.sightings.at(me);
  for (const int suspect : verdict.suspects) {
    if (suspect != me && !is_accused(suspect, words)) return false;
  }
  if (contains(verdict.suspects, me)) {
    if (own.kind == Kind::kGaveUp || is_contradicted(me, words)) return true;
    // Its messages may have been altered on their way.
    if (is_accused_of(Kind::kLied, me, words)) return own.kind != Kind::kLied;
    return own.kind != Kind::kTimedOut && own.kind != Kind::kLied &&
           is_accused_of(Kind::kTimedOut, me, words);
  }
  if (own.kind == Kind::kContradicted) return true;  // a narrower one may stand
  return std::all_of(own.peers.begin(), own.peers.end(), [&](int peer) {
    return contains(verdict.suspects, peer) || (own.kind != Kind::kLied && words.has(peer));
  });
}

Verdict contested(const Verdict& standing, Verdict own, int me) {
  std::erase(own.suspects, me);
  own.message =
      concat("contested: the board says ", list(standing.suspects),
             "; this rank saw: ", own.message, "; in the words of the board: ", standing.message);
  return own;
}

}  // namespace byzccl::collective
