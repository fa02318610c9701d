// SPDX-License-Identifier: MIT
// Where the time of an exchange goes.

#pragma once

#include <byzccl/report.hpp>
#include <byzccl/transport.hpp>
#include <chrono>
#include <vector>

namespace byzccl::collective {

/// Seconds by phase. `distances` belongs to the thread that measures until it is joined.
struct Phases {
  double headers = 0;
  double exchange = 0;
  double distances = 0;
  double select = 0;
  double combine = 0;
  double gather = 0;

  std::vector<Phase> list() const {
    return {{"headers", headers}, {"exchange", exchange}, {"distances", distances},
            {"select", select},   {"combine", combine},   {"gather", gather}};
  }
};

/// Adds its own lifetime to a phase.
class Timed {
 public:
  explicit Timed(double& seconds) : seconds_(seconds) {}
  ~Timed() { seconds_ += std::chrono::duration<double>(Clock::now() - start_).count(); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& seconds_;
  Deadline start_ = Clock::now();
};

}  // namespace byzccl::collective
