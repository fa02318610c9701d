// SPDX-License-Identifier: MIT
#include "csrc/collective/faults.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "csrc/collective/verdict.hpp"

namespace byzccl::collective {
namespace {

using std::chrono::milliseconds;
using Kind = Sighting::Kind;

/// A rank's first word stands.
std::string sighting_key(int rank) { return concat("byzccl/sighting/", rank); }
std::string presence_key(int rank) { return concat("byzccl/present/", rank); }
const std::string kVerdictKey = "byzccl/verdict";
/// There once there is a sighting: one key to look at instead of n.
const std::string kAlarmKey = "byzccl/alarm";

/// How long to read what the others saw. Only used up where two or more ranks are silent: then a
/// victim on a busy machine must get to write, or it is named with the culprit. Well below the
/// timeout: who sees a closed connection must have judged before those further away lose patience
/// with ranks that only wait as they do.
milliseconds grace(milliseconds timeout) {
  return std::clamp(timeout / 3, milliseconds(50), milliseconds(5000));
}

constexpr milliseconds kBoardPause{5};

/// Whether some rank says that it waited for this one.
bool is_missed(int rank, const Words& words) {
  return std::any_of(words.sightings.begin(), words.sightings.end(), [&](const auto& entry) {
    const std::vector<int>& peers = entry.second.peers;
    return std::find(peers.begin(), peers.end(), rank) != peers.end();
  });
}

/// No word that may still come could change who is named. As long as two are silent, one of them
/// may be a victim that is about to write; and so may the last one, unless it is known that it was
/// waited for: ranks that time out together write one after the other.
bool all_explained(const Words& words, int n) {
  const bool proven =
      std::any_of(words.sightings.begin(), words.sightings.end(), [](const auto& entry) {
        const Sighting& sighting = entry.second;
        return sighting.kind == Kind::kLied || sighting.kind == Kind::kGaveUp ||
               (sighting.kind == Kind::kContradicted && sighting.peers.size() == 2);
      });
  const int silent = words.silent(n);
  if (proven || silent == 0) return true;
  if (silent > 1) return false;
  const std::vector<int> suspects = suspects_of(words, n);
  return suspects.size() == 1 && is_missed(suspects.front(), words);
}

/// Reads what the others wrote that is not known yet.
void read_others(Board& board, int n, Words& words) {
  for (int rank = 0; rank < n; ++rank) {
    if (words.sightings.contains(rank)) continue;
    if (const auto text = board.get(sighting_key(rank))) {
      if (auto sighting = parse_sighting(*text, n)) {
        words.sightings.emplace(rank, *sighting);
        words.present.erase(rank);  // what it said before it failed
      }
    }
    if (words.sightings.contains(rank)) continue;
    if (const auto text = board.get(presence_key(rank))) {
      if (const auto presence = parse_presence(*text)) words.present[rank] = *presence;
    }
  }
}

void write(Board& board, int rank, const Sighting& sighting) {
  board.put_first(sighting_key(rank), to_text(sighting));
  board.put(kAlarmKey, "!");
}

/// Reads anew, as a rank adds to its sighting before it writes a verdict.
void read_again(Board& board, int n, int me, Words& words) {
  Words anew{{{me, words.sightings.at(me)}}, {}};
  read_others(board, n, anew);
  words = std::move(anew);
}

/// Adds whom rank `me` misses by now, on the board too: the verdict's reasons are to stand there.
/// The first stays the one whose wait failed.
void look_again(Board& board, const Witness& witness, bool at_the_end, int me, Words& words) {
  std::vector<int> missed;
  if (witness.lost) missed = witness.lost();
  if (at_the_end && witness.missing) {
    for (const int peer : witness.missing()) {
      if (!words.has(peer)) missed.push_back(peer);
    }
  }
  Sighting& own = words.sightings.at(me);
  const std::string before = to_text(own);
  for (const int peer : missed) {
    if (std::find(own.peers.begin(), own.peers.end(), peer) == own.peers.end()) {
      own.peers.push_back(peer);
    }
  }
  const std::string after = to_text(own);
  if (after != before && board.get(sighting_key(me)) == before) board.put(sighting_key(me), after);
}

TransportError error_of(const Verdict& verdict) {
  return TransportError(verdict.message, verdict.suspects);
}

Verdict verdict_on(const Words& words, int n, milliseconds timeout, const std::string& context) {
  const std::vector<int> suspects = suspects_of(words, n);
  return {suspects, concat(explain_suspects(suspects, words, timeout), " (", context, ")")};
}

Verdict agree_on_verdict(Transport& transport, const Witness& witness, milliseconds timeout,
                         const std::string& context) {
  Board& board = transport.board();
  const int n = transport.size();
  const int me = transport.rank();
  Words words{{{me, witness.seen}}, {}};
  write(board, me, witness.seen);
  const Deadline end = Clock::now() + grace(timeout);
  std::optional<Verdict> standing;
  while (true) {
    if (!standing) {
      if (const std::optional<std::string> text = board.get(kVerdictKey)) {
        standing = parse_verdict(*text, n);
      }
    }
    if (standing) {
      read_again(board, n, me, words);
    } else {
      read_others(board, n, words);
    }
    if (standing ? agrees(*standing, words, me) : all_explained(words, n)) break;
    if (Clock::now() >= end) break;
    std::this_thread::sleep_for(kBoardPause);
  }
  if (!standing) look_again(board, witness, Clock::now() >= end, me, words);
  const Verdict own = verdict_on(words, n, timeout, context);
  if (!standing) {
    standing = parse_verdict(board.put_first(kVerdictKey, to_text(own)), n).value_or(own);
    read_again(board, n, me, words);  // of a verdict that came meanwhile, the reasons
  }
  return agrees(*standing, words, me) ? *standing : contested(*standing, own, me);
}

Verdict verdict_without_board(Transport& transport, Sighting seen, milliseconds timeout,
                              const std::string& context) {
  const int n = transport.size();
  const int me = transport.rank();
  seen.everybody = seen.peers.empty() && n == 2;
  const bool misses = seen.kind == Kind::kTimedOut || seen.kind == Kind::kGone;
  if (!misses || n == 2) return verdict_on({{{me, seen}}, {}}, n, timeout, context);
  const std::string saw = explain_suspects({}, {{{me, seen}}, {}}, timeout);
  const int host = transport.board().host();
  if (host >= 0 && host != me) {
    return {{host},
            concat("rank ", host, ", which hosts the store, is out of reach: the ranks ",
                   "cannot agree any more whom to name; ", saw, " (", context, ")")};
  }
  return {{},
          concat("the store is out of reach: the ranks cannot agree any more whom to name; ", saw,
                 " (", context, ")")};
}

}  // namespace

TransportError judge(Transport& transport, const Witness& witness, milliseconds timeout,
                     const std::string& context) {
  try {
    return error_of(agree_on_verdict(transport, witness, timeout, context));
  } catch (const std::exception&) {
    return error_of(verdict_without_board(transport, witness.seen, timeout, context));
  }
}

std::optional<bool> look_for_failure(Transport& transport) noexcept {
  try {
    return transport.board().get(kAlarmKey).has_value();
  } catch (...) {
    return std::nullopt;
  }
}

bool somebody_failed(Transport& transport) noexcept {
  return look_for_failure(transport).value_or(false);
}

void answer(Transport& transport, Presence presence) noexcept {
  try {
    transport.board().put(presence_key(transport.rank()), to_text(presence));
  } catch (...) {  // who judges cannot reach it either
  }
}

void announce(Transport& transport, const std::string& reason) noexcept {
  try {
    write(transport.board(), transport.rank(), {Kind::kGaveUp, {transport.rank()}, reason});
  } catch (...) {  // the others will see the connection close
  }
}

milliseconds look_pause(milliseconds timeout) {
  return std::clamp(timeout / 20, milliseconds(10), milliseconds(1000));
}

}  // namespace byzccl::collective
