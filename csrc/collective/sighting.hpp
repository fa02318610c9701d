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
    kTimedOut,      ///< `peer` did not answer in time
    kGone,          ///< the connection to `peer` is closed
    kLied,          ///< `peer` broke the protocol: `detail`
    kGaveUp,        ///< the rank itself stopped: `detail`
    kContradicted,  ///< some of `suspects` lie, it is not known which: `detail`
  };
  static constexpr int kAny = -1;  ///< as a peer: some rank, it is not known which

  Kind kind = Kind::kGone;
  int peer = 0;
  std::string detail;
  std::vector<int> suspects = {};  ///< two at least, ascending
};

std::string to_text(const Sighting& sighting);
/// Nothing if `text` is no sighting among `n` ranks.
std::optional<Sighting> parse_sighting(const std::string& text, int n);

/// Sightings by the rank that wrote them.
using Sightings = std::map<int, Sighting>;

/// The ranks among n that the sightings lead to, ascending.
///
/// Who lied or gave up is named before all others, then the fewest that some rank found to
/// contradict each other. Otherwise a rank that wrote is alive, so it is
/// only a victim; named are those that are waited for and have not written: whoever waits for some
/// rank waits for each. If all of them have,
/// named is who kept others waiting until they timed out without timing out itself: a rank that
/// woke up late finds the connections closed. Empty if nobody can be named.
std::vector<int> suspects_of(const Sightings& sightings, int n);

/// "rank 3 did not answer within 300 s", for every suspect.
std::string explain_suspects(const std::vector<int>& suspects, const Sightings& sightings,
                             std::chrono::milliseconds timeout);

/// What all ranks of a group throw alike.
struct Verdict {
  std::vector<int> suspects;
  std::string message;
};

std::string to_text(const Verdict& verdict);
/// Nothing if `text` is no verdict among `n` ranks.
std::optional<Verdict> parse_verdict(const std::string& text, int n);

}  // namespace byzccl::collective
