// SPDX-License-Identifier: MIT
// What one reduction can say about itself.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace byzccl {

/// One phase of a reduction and the seconds that this rank spent in it.
struct Phase {
  std::string name;  ///< "headers", "exchange", "distances", "select", "combine", "gather"
  double seconds = 0;
};

/// One stretch of a phase, in seconds of std::chrono::steady_clock: comparable among the processes
/// of one machine. Phases of one rank may overlap: distances are added up beside the exchange.
struct Span {
  std::string phase;  ///< as Phase::name
  int add = -1;       ///< which add it was for, from 0; -1: all of them
  double begin = 0;
  double end = 0;
};

struct Report {
  std::string rule;       ///< canonical text
  std::string algorithm;  ///< "local", "sharded" or "ring"
  int n = 0;
  std::int64_t d = 0;             ///< columns over all adds
  std::int64_t step = 0;          ///< exchanges that this communicator had finished before
  bool failed = false;            ///< failed closed: the output is NaN in every coordinate
  std::string failure;            ///< why, in words; empty if not failed
  double typical_reach = 0;       ///< M; 0 for rules without distances
  std::vector<double> weights;    ///< [n] net share of each vector; empty for column rules without
                                  ///< steps
  double previous_weight = 0;     ///< share of the previous output; 0 for rules without one
  std::vector<double> scores;     ///< [n]; empty for rules without distances
  std::vector<double> reach;      ///< [n]; empty for rules without distances
  std::vector<double> distances;  ///< D [n, n] squared; empty for rules without distances
  std::vector<int> broken;        ///< broken rows, ascending
  std::vector<int> flagged;       ///< rows left out by guarded_mean, broken ones included
  std::int64_t nan_columns = 0;  ///< columns that are NaN though nothing failed: more than f values
                                 ///< are not finite, or no row is there; -1: on a device, a rank
                                 ///< sent a count that cannot be
  std::int64_t bytes_sent = 0;   ///< by this rank, headers included
  std::vector<double> waits;     ///< [n] seconds that this rank waited for each: where several are
                                 ///< late, for the one it happened to wait for; messages between
                                 ///< devices are not waited for. Empty for a local aggregate
  std::vector<Phase> phases;
  std::vector<Span> spans;  ///< of a collective: by phase, then by time
};

}  // namespace byzccl
