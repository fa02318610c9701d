// SPDX-License-Identifier: MIT
#include "csrc/collective/sighting.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <charconv>
#include <cstddef>
#include <set>
#include <string_view>

namespace byzccl::collective {
namespace {

using std::chrono::milliseconds;
using Kind = Sighting::Kind;

/// How a kind is written on the board, in the order of the kinds.
constexpr std::string_view kKindLetters = "tglac";

/// A rank number in [0, n) at the start of `text`, which moves past it.
std::optional<int> take_rank(std::string_view& text, int n) {
  int rank = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error != std::errc() || rank < 0 || rank >= n) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return rank;
}

std::string in_words(milliseconds time) {
  if (time.count() % 1000 == 0) return concat(time.count() / 1000, " s");
  return concat(time.count(), " ms");
}

/// How a rank that is not known is written.
constexpr char kAnyRank = '*';

std::string list_of(const std::vector<int>& ranks) {
  std::string list;
  for (const int rank : ranks) list += concat(list.empty() ? "" : ",", rank);
  return list;
}

/// "0,2" at the start of `text`, which moves past it; nothing unless two ranks or more, ascending.
std::optional<std::vector<int>> take_suspects(std::string_view& text, int n) {
  std::vector<int> suspects;
  do {
    if (!suspects.empty()) text.remove_prefix(1);
    const std::optional<int> rank = take_rank(text, n);
    if (!rank || (!suspects.empty() && *rank <= suspects.back())) return std::nullopt;
    suspects.push_back(*rank);
  } while (text.starts_with(','));
  if (suspects.size() < 2) return std::nullopt;
  return suspects;
}

/// The sighting that names the fewest of ranks that contradict each other, or null.
const Sighting* narrowest_contradiction(const Sightings& sightings) {
  const Sighting* narrowest = nullptr;
  for (const auto& [rank, sighting] : sightings) {
    if (sighting.kind != Kind::kContradicted) continue;
    if (narrowest == nullptr || sighting.suspects.size() < narrowest->suspects.size()) {
      narrowest = &sighting;
    }
  }
  return narrowest;
}

std::string peer_text(int peer) {
  return peer == Sighting::kAny ? std::string(1, kAnyRank) : std::to_string(peer);
}

/// Of what the board holds no more is read than this.
constexpr std::size_t kMaxText = 4096;

}  // namespace

std::string to_text(const Sighting& sighting) {
  const std::string who =
      sighting.kind == Kind::kContradicted ? list_of(sighting.suspects) : peer_text(sighting.peer);
  return concat(kKindLetters[static_cast<std::size_t>(sighting.kind)], who, " ", sighting.detail)
      .substr(0, kMaxText);
}

std::optional<Sighting> parse_sighting(const std::string& text, int n) {
  std::string_view rest = text;
  if (rest.empty() || rest.size() > kMaxText) return std::nullopt;
  const std::size_t kind = kKindLetters.find(rest.front());
  if (kind == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(1);
  if (static_cast<Kind>(kind) == Kind::kContradicted) {
    const auto suspects = take_suspects(rest, n);
    if (!suspects || !rest.starts_with(' ')) return std::nullopt;
    return Sighting{static_cast<Kind>(kind), Sighting::kAny, std::string(rest.substr(1)),
                    *suspects};
  }
  std::optional<int> peer;
  if (rest.starts_with(kAnyRank)) {
    peer = Sighting::kAny;
    rest.remove_prefix(1);
  } else {
    peer = take_rank(rest, n);
  }
  if (!peer || !rest.starts_with(' ')) return std::nullopt;
  return Sighting{static_cast<Kind>(kind), *peer, std::string(rest.substr(1))};
}

std::string to_text(const Verdict& verdict) {
  std::string text;
  for (const int suspect : verdict.suspects) text += concat(suspect, " ");
  return concat(text, "\n", verdict.message).substr(0, kMaxText);
}

std::optional<Verdict> parse_verdict(const std::string& text, int n) {
  std::string_view rest = text;
  if (rest.size() > kMaxText) return std::nullopt;
  Verdict verdict;
  while (!rest.starts_with('\n')) {
    const std::optional<int> suspect = take_rank(rest, n);
    if (!suspect || !rest.starts_with(' ')) return std::nullopt;
    rest.remove_prefix(1);
    verdict.suspects.push_back(*suspect);
  }
  verdict.message = rest.substr(1);
  return verdict;
}

std::vector<int> suspects_of(const Sightings& sightings, int n) {
  std::set<int> suspects;
  for (const auto& [rank, sighting] : sightings) {
    if (sighting.kind == Kind::kLied) suspects.insert(sighting.peer);
    if (sighting.kind == Kind::kGaveUp) suspects.insert(rank);
  }
  if (suspects.empty()) {
    const Sighting* const contradiction = narrowest_contradiction(sightings);
    if (contradiction != nullptr) return contradiction->suspects;
  }
  if (suspects.empty()) {
    for (const auto& [rank, sighting] : sightings) {
      for (int peer = 0; peer < n; ++peer) {
        const bool waited_for = sighting.peer == peer || sighting.peer == Sighting::kAny;
        if (waited_for && !sightings.contains(peer)) suspects.insert(peer);
      }
    }
  }
  if (suspects.empty()) {
    for (const auto& [rank, sighting] : sightings) {
      if (sighting.kind != Kind::kTimedOut || sighting.peer == Sighting::kAny) continue;
      const auto its = sightings.find(sighting.peer);
      if (its->second.kind != Kind::kTimedOut) suspects.insert(sighting.peer);
    }
  }
  return {suspects.begin(), suspects.end()};
}

std::string explain_suspects(const std::vector<int>& suspects, const Sightings& sightings,
                             milliseconds timeout) {
  const Sighting* const contradiction = narrowest_contradiction(sightings);
  if (contradiction != nullptr && contradiction->suspects == suspects) return contradiction->detail;
  std::string text;
  for (const int suspect : suspects) {
    const auto tells = [&](Kind kind) {
      return std::find_if(sightings.begin(), sightings.end(), [&](const auto& entry) {
        const int accused = kind == Kind::kGaveUp ? entry.first : entry.second.peer;
        return entry.second.kind == kind && (accused == suspect || accused == Sighting::kAny);
      });
    };
    text += concat(text.empty() ? "" : "; ", "rank ", suspect);
    if (const auto lied = tells(Kind::kLied); lied != sightings.end()) {
      text += " broke the protocol: " + lied->second.detail;
    } else if (const auto gave_up = tells(Kind::kGaveUp); gave_up != sightings.end()) {
      text += " gave up: " + gave_up->second.detail;
    } else if (tells(Kind::kTimedOut) != sightings.end()) {
      text += " did not answer within " + in_words(timeout);
    } else {
      text += " closed the connection";
    }
  }
  if (!text.empty()) return text;
  for (const auto& [rank, sighting] : sightings) {
    const bool known = sighting.peer != Sighting::kAny;
    text += concat(text.empty() ? "" : "; ", "rank ", rank, " lost ",
                   known ? concat("rank ", sighting.peer) : "some rank");
  }
  return text;
}

}  // namespace byzccl::collective
