// SPDX-License-Identifier: MIT
// What failing ranks tell each other, and whom it leads to. Pure functions; faults.hpp acts on
// them.

#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace byzccl::collective {

/// What one rank says on the board about why it fails.
struct Sighting {
  enum class Kind {
    kTimedOut,      ///< `peers` did not answer in time
    kGone,          ///< the connections to `peers` are closed
    kLied,          ///< `peers` broke the protocol: `detail`
    kGaveUp,        ///< the rank itself stopped: `detail`
    kContradicted,  ///< some of `peers` lie, it is not known which: `detail`
  };

  Kind kind = Kind::kGone;
  std::vector<int> peers;  ///< the first is the one whose wait failed; of a contradiction two
                           ///< at least, ascending
  std::string detail = {};
  bool everybody = false;  ///< and any other rank that says nothing: all must be there
};

std::string to_text(const Sighting& sighting);
/// Nothing if `text` is no sighting among `n` ranks.
std::optional<Sighting> parse_sighting(const std::string& text, int n);

/// Sightings by the rank that wrote them.
using Sightings = std::map<int, Sighting>;

/// The answer of a rank that has not failed when others have.
enum class Presence {
  kWaits,  ///< it waits for another rank itself
  kHere,   ///< it is in the exchange, but computes, or its caller has not made the next call
  kIdle,   ///< it lives, and is in no exchange
};

std::string to_text(Presence presence);
std::optional<Presence> parse_presence(const std::string& text);

/// All that the ranks of a group have said.
struct Words {
  Sightings sightings;
  std::map<int, Presence> present;

  bool has(int rank) const { return sightings.contains(rank) || present.contains(rank); }
  /// Ranks among n that have said nothing.
  int silent(int n) const;
};

/// The ranks among n that the words lead to, ascending.
///
/// Who lied or gave up is named before all others, then the fewest that some rank found to
/// contradict each other. Otherwise a rank that wrote a sighting or waits itself is only a victim;
/// named are the others that somebody misses, and, where somebody knows that all must be there, all
/// that are silent. If every missed rank is a victim, the suspects are those that kept others
/// waiting until these timed out, and did not time out themselves: a rank that woke up late finds
/// the connections closed.
/// Empty if nobody can be named.
std::vector<int> suspects_of(const Words& words, int n);

/// "rank 3 did not answer within 300 s", for every suspect.
std::string explain_suspects(const std::vector<int>& suspects, const Words& words,
                             std::chrono::milliseconds timeout);

/// "300 s" or "250 ms"
std::string in_words(std::chrono::milliseconds time);

}  // namespace byzccl::collective
