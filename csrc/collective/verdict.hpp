// SPDX-License-Identifier: MIT
// The error that all ranks of a group throw, and whether one of them can believe it. Pure
// functions.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "csrc/collective/sighting.hpp"

namespace byzccl::collective {

struct Verdict {
  std::vector<int> suspects;  ///< ascending, each once
  std::string message;
};

std::string to_text(const Verdict& verdict);
/// Nothing if `text` is no verdict among `n` ranks.
std::optional<Verdict> parse_verdict(const std::string& text, int n);

/// Whether `verdict` goes together with what rank `me`, whose sighting is among the words, has seen
/// itself. It does not if it
/// - names a rank that nobody accuses, or one that waits as a victim does;
/// - spares a rank that `me` saw break the protocol, or one that `me` misses and that is silent;
/// - names `me`, unless `me` gave up, or another rank says that it sent what it must not, or waited
///   for it in vain and it did not wait in vain itself, or it is among ranks that contradict each
///   other.
bool agrees(const Verdict& verdict, const Words& words, int me);

/// The verdict of rank `me` where it cannot believe the one on the board: `own`, with both shown.
Verdict contested(const Verdict& standing, Verdict own, int me);

}  // namespace byzccl::collective
