// SPDX-License-Identifier: MIT
#include "csrc/collective/faults.hpp"

#include <algorithm>
#include <exception>
#include <thread>
#include <utility>

namespace byzccl::collective {
namespace {

using std::chrono::milliseconds;
using Kind = Sighting::Kind;

/// A rank's first word stands.
std::string sighting_key(int rank) { return concat("byzccl/sighting/", rank); }
const std::string kVerdictKey = "byzccl/verdict";

/// How long to read what the others saw. Only used up where two or more ranks are silent: then a
/// victim on a busy machine must get to write, or it is named with the culprit. Well below the
/// timeout: who sees a closed connection must have judged before those further away lose patience
/// with ranks that only wait as they do.
milliseconds grace(milliseconds timeout) {
  return std::clamp(timeout / 3, milliseconds(50), milliseconds(5000));
}

constexpr milliseconds kBoardPause{5};

/// No word that may still come could change who is named. As long as two are silent, one of them
/// may be a victim that is about to write.
bool all_explained(const Sightings& sightings, const std::vector<int>& suspects, int n) {
  const bool proven = std::any_of(sightings.begin(), sightings.end(), [](const auto& entry) {
    const Sighting& sighting = entry.second;
    return sighting.kind == Kind::kLied || sighting.kind == Kind::kGaveUp ||
           (sighting.kind == Kind::kContradicted && sighting.suspects.size() == 2);
  });
  const int silent = n - static_cast<int>(sightings.size());
  return proven || silent == 0 || (silent == 1 && suspects.size() == 1);
}

/// Reads what the others wrote that is not known yet.
void read_others(Board& board, int n, Sightings& sightings) {
  for (int rank = 0; rank < n; ++rank) {
    if (sightings.contains(rank)) continue;
    const std::optional<std::string> text = board.get(sighting_key(rank));
    if (!text) continue;
    if (const auto sighting = parse_sighting(*text, n)) sightings.emplace(rank, *sighting);
  }
}

TransportError error_of(const Verdict& verdict) {
  return TransportError(verdict.message, verdict.suspects);
}

Verdict verdict_on(const Sightings& sightings, int n, milliseconds timeout,
                   const std::string& context) {
  const std::vector<int> suspects = suspects_of(sightings, n);
  return {suspects, concat(explain_suspects(suspects, sightings, timeout), " (", context, ")")};
}

Verdict agree_on_verdict(Transport& transport, Sightings sightings, milliseconds timeout,
                         const std::string& context) {
  Board& board = transport.board();
  const int n = transport.size();
  board.put_first(sighting_key(transport.rank()), to_text(sightings.at(transport.rank())));
  const Deadline end = Clock::now() + grace(timeout);
  while (true) {
    if (const std::optional<std::string> text = board.get(kVerdictKey)) {
      if (const auto verdict = parse_verdict(*text, n)) return *verdict;
      break;
    }
    read_others(board, n, sightings);
    if (all_explained(sightings, suspects_of(sightings, n), n) || Clock::now() >= end) break;
    std::this_thread::sleep_for(kBoardPause);
  }
  const Verdict own = verdict_on(sightings, n, timeout, context);
  return parse_verdict(board.put_first(kVerdictKey, to_text(own)), n).value_or(own);
}

}  // namespace

TransportError judge(Transport& transport, const Sighting& seen, milliseconds timeout,
                     const std::string& context) {
  const Sightings own{{transport.rank(), seen}};
  try {
    return error_of(agree_on_verdict(transport, own, timeout, context));
  } catch (const std::exception&) {
    // The board is out of reach. Where it may be any of several, nobody is named.
    const bool unknown = seen.peer == Sighting::kAny && seen.kind != Kind::kContradicted;
    if (unknown && transport.size() > 2) {
      return TransportError(concat(explain_suspects({}, own, timeout), " (", context, ")"));
    }
    return error_of(verdict_on(own, transport.size(), timeout, context));
  }
}

bool somebody_failed(Transport& transport) noexcept {
  try {
    Sightings sightings;
    read_others(transport.board(), transport.size(), sightings);
    return !sightings.empty();
  } catch (...) {  // who is near enough to it will say so
    return false;
  }
}

void announce(Transport& transport, const std::string& reason) noexcept {
  try {
    const Sighting sighting{Kind::kGaveUp, transport.rank(), reason};
    transport.board().put_first(sighting_key(transport.rank()), to_text(sighting));
  } catch (...) {  // the others will see the connection close
  }
}

}  // namespace byzccl::collective
