// SPDX-License-Identifier: MIT
// Where the time of an exchange goes.

#pragma once

#include <byzccl/report.hpp>
#include <byzccl/transport.hpp>
#include <chrono>
#include <string>
#include <vector>

namespace byzccl::collective {

/// When one phase was at work.
struct Track {
  struct Lap {
    int add;  ///< which add it was for; -1: all of them
    Deadline begin;
    Deadline end;
  };
  std::vector<Lap> laps;
};

/// Laps by phase. `distances` belongs to the thread that measures until it is joined.
struct Phases {
  Track headers;
  Track exchange;
  Track distances;
  Track select;
  Track combine;
  Track gather;

  /// Fills phases and spans.
  void describe(Report& report) const {
    append("headers", headers, report);
    append("exchange", exchange, report);
    append("distances", distances, report);
    append("select", select, report);
    append("combine", combine, report);
    append("gather", gather, report);
  }

 private:
  static double seconds(Clock::duration time) {
    return std::chrono::duration<double>(time).count();
  }

  static void append(const std::string& name, const Track& track, Report& report) {
    Phase phase{name};
    for (const Track::Lap& lap : track.laps) {
      const Span span{name, lap.add, seconds(lap.begin.time_since_epoch()),
                      seconds(lap.end.time_since_epoch())};
      phase.seconds += span.end - span.begin;
      report.spans.push_back(span);
    }
    report.phases.push_back(phase);
  }
};

/// Adds its own lifetime to a phase.
class Timed {
 public:
  explicit Timed(Track& track, int add = -1) : track_(track), add_(add) {}
  ~Timed() { track_.laps.push_back({add_, begin_, Clock::now()}); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  Track& track_;
  const int add_;
  const Deadline begin_ = Clock::now();
};

}  // namespace byzccl::collective
