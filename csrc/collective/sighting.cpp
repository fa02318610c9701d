// SPDX-License-Identifier: MIT
#include "csrc/collective/sighting.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <cstddef>
#include <set>
#include <string_view>

#include "csrc/collective/board_text.hpp"
#include "csrc/collective/rank_text.hpp"

namespace byzccl::collective {
namespace {

using std::chrono::milliseconds;
using Kind = Sighting::Kind;

/// How a kind is written on the board, in the order of the kinds.
constexpr std::string_view kKindLetters = "tglac";
/// Behind the peers: everybody.
constexpr char kEverybody = '*';
constexpr std::string_view kWaits = "waits";
constexpr std::string_view kHere = "here";
constexpr std::string_view kIdle = "idle";

bool contains(const std::vector<int>& ranks, int rank) {
  return std::find(ranks.begin(), ranks.end(), rank) != ranks.end();
}

/// Who is named for what others say of it, whatever it says itself.
std::set<int> proven(const Sightings& sightings) {
  std::set<int> suspects;
  for (const auto& [rank, sighting] : sightings) {
    if (sighting.kind == Kind::kLied) suspects.insert(sighting.peers.begin(), sighting.peers.end());
    if (sighting.kind == Kind::kGaveUp) suspects.insert(rank);
  }
  return suspects;
}

/// The sighting that names the fewest of ranks that contradict each other, or null.
const Sighting* narrowest_contradiction(const Sightings& sightings) {
  const Sighting* narrowest = nullptr;
  for (const auto& [rank, sighting] : sightings) {
    if (sighting.kind != Kind::kContradicted) continue;
    if (narrowest == nullptr || sighting.peers.size() < narrowest->peers.size()) {
      narrowest = &sighting;
    }
  }
  return narrowest;
}

std::set<int> missed(const Words& words, int n) {
  std::set<int> suspects;
  for (const auto& [rank, sighting] : words.sightings) {
    for (int peer = 0; peer < n; ++peer) {
      if (words.sightings.contains(peer)) continue;
      const auto presence = words.present.find(peer);
      const bool silent = presence == words.present.end();
      const bool waits = !silent && presence->second == Presence::kWaits;
      if (contains(sighting.peers, peer) ? !waits : sighting.everybody && silent) {
        suspects.insert(peer);
      }
    }
  }
  return suspects;
}

/// Nobody is silent, so each of those that were waited for first has a sighting or waits.
std::set<int> woken_late(const Sightings& sightings) {
  std::set<int> suspects;
  for (const auto& [rank, sighting] : sightings) {
    if (sighting.kind != Kind::kTimedOut || sighting.peers.empty()) continue;
    const auto its = sightings.find(sighting.peers.front());
    if (its != sightings.end() && its->second.kind != Kind::kTimedOut) suspects.insert(its->first);
  }
  return suspects;
}

}  // namespace

std::string in_words(milliseconds time) {
  if (time.count() % 1000 == 0) return concat(time.count() / 1000, " s");
  return concat(time.count(), " ms");
}

std::string to_text(const Sighting& sighting) {
  std::string text(1, kKindLetters[static_cast<std::size_t>(sighting.kind)]);
  for (std::size_t i = 0; i < sighting.peers.size(); ++i) {
    text += concat(i == 0 ? "" : ",", sighting.peers[i]);
  }
  if (sighting.everybody) text += kEverybody;
  return cut(concat(text, " ", printable(sighting.detail)), kMaxText);
}

std::optional<Sighting> parse_sighting(const std::string& text, int n) {
  std::string_view rest = text;
  if (rest.empty() || rest.size() > kMaxText) return std::nullopt;
  const std::size_t kind = kKindLetters.find(rest.front());
  if (kind == std::string_view::npos) return std::nullopt;
  rest.remove_prefix(1);
  Sighting sighting{static_cast<Kind>(kind), {}};
  while (!rest.starts_with(kEverybody) && !rest.starts_with(' ')) {
    const std::optional<int> peer = take_rank(rest, n);
    if (!peer || contains(sighting.peers, *peer)) return std::nullopt;
    sighting.peers.push_back(*peer);
    if (!rest.starts_with(',')) break;
    rest.remove_prefix(1);
  }
  sighting.everybody = rest.starts_with(kEverybody);
  if (sighting.everybody) rest.remove_prefix(1);
  if (!rest.starts_with(' ') || (sighting.peers.empty() && !sighting.everybody)) {
    return std::nullopt;
  }
  const std::vector<int>& peers = sighting.peers;
  if (sighting.kind == Kind::kContradicted &&
      (peers.size() < 2 || sighting.everybody || !std::is_sorted(peers.begin(), peers.end()))) {
    return std::nullopt;
  }
  sighting.detail = printable(rest.substr(1));
  return sighting;
}

std::string to_text(Presence presence) {
  switch (presence) {
    case Presence::kWaits:
      return std::string(kWaits);
    case Presence::kHere:
      return std::string(kHere);
    case Presence::kIdle:
      break;
  }
  return std::string(kIdle);
}

std::optional<Presence> parse_presence(const std::string& text) {
  if (text == kWaits) return Presence::kWaits;
  if (text == kHere) return Presence::kHere;
  if (text == kIdle) return Presence::kIdle;
  return std::nullopt;
}

int Words::silent(int n) const {
  int count = 0;
  for (int rank = 0; rank < n; ++rank) count += has(rank) ? 0 : 1;
  return count;
}

std::vector<int> suspects_of(const Words& words, int n) {
  std::set<int> suspects = proven(words.sightings);
  if (suspects.empty()) {
    const Sighting* const contradiction = narrowest_contradiction(words.sightings);
    if (contradiction != nullptr) return contradiction->peers;
  }
  if (suspects.empty()) suspects = missed(words, n);
  if (suspects.empty()) suspects = woken_late(words.sightings);
  return {suspects.begin(), suspects.end()};
}

std::string explain_suspects(const std::vector<int>& suspects, const Words& words,
                             milliseconds timeout) {
  const Sightings& sightings = words.sightings;
  const Sighting* const contradiction = narrowest_contradiction(sightings);
  if (contradiction != nullptr && contradiction->peers == suspects) return contradiction->detail;
  const bool all_waited = std::any_of(sightings.begin(), sightings.end(), [](const auto& entry) {
    return entry.second.kind == Kind::kTimedOut && entry.second.everybody;
  });
  std::string text;
  for (const int suspect : suspects) {
    const auto tells = [&](Kind kind) {
      return std::find_if(sightings.begin(), sightings.end(), [&](const auto& entry) {
        const auto& [rank, sighting] = entry;
        if (sighting.kind != kind) return false;
        if (kind == Kind::kGaveUp) return rank == suspect;
        return contains(sighting.peers, suspect);
      });
    };
    text += concat(text.empty() ? "" : "; ", "rank ", suspect);
    if (const auto lied = tells(Kind::kLied); lied != sightings.end()) {
      text += " broke the protocol: " + lied->second.detail;
    } else if (const auto gave_up = tells(Kind::kGaveUp); gave_up != sightings.end()) {
      text += " gave up: " + gave_up->second.detail;
    } else if (tells(Kind::kTimedOut) != sightings.end()) {
      text += " did not answer within " + in_words(timeout);
    } else if (tells(Kind::kGone) != sightings.end()) {
      text += " closed the connection";
    } else if (all_waited) {
      text += " did not answer within " + in_words(timeout);
    } else {
      text += " fell silent";
    }
  }
  if (!text.empty()) return text;
  for (const auto& [rank, sighting] : sightings) {
    const bool known = !sighting.peers.empty();
    text += concat(text.empty() ? "" : "; ", "rank ", rank, " lost ",
                   known ? concat("rank ", sighting.peers.front()) : "some rank");
  }
  return text;
}

}  // namespace byzccl::collective
