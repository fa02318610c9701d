// SPDX-License-Identifier: MIT
// What an exchange decided. It stays on the device that decided it until somebody reads it.

#pragma once

#include <byzccl/report.hpp>
#include <byzccl/rule.hpp>
#include <cstdint>
#include <memory>

#include "csrc/steps.hpp"

namespace byzccl::collective {

struct Findings {
  Rule rule;
  Plan plan;
  std::int64_t columns = 0;           ///< over all adds
  std::shared_ptr<void> decision;     ///< rules::decision_bytes(plan)
  std::shared_ptr<void> distances;    ///< D [lines, n] float64; null: none
  std::shared_ptr<void> nan_columns;  ///< [ranks] int64 by who combined them; null: the
                                      ///< decision's count is of all columns

  /// Fills what the decision knows. Waits for the steps. A count that cannot be is no error here:
  /// each rank reads when it likes, and one would fail alone.
  void read(Steps& steps, Report& report) const;
  /// Over all ranks. Waits for the steps. @throws ProtocolError a rank's count cannot be
  std::int64_t count_nan_columns(Steps& steps) const;
};

}  // namespace byzccl::collective
