// SPDX-License-Identifier: MIT
// Headers that differ, put into words.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "csrc/collective/header.hpp"

namespace byzccl::collective {

/// A line, with its end, for each field in which the ranks' headers must agree and do not. Where
/// versions differ, that line alone.
std::string find_differences(const std::vector<Header>& headers);

/// The headers that one rank is said to have sent, by receiver: "rule mean to rank 0;
/// krum(f=1) to ranks 1, 3". Every field in which the claims, of which two differ, do so.
std::string describe_claims(const std::map<int, Header>& claims);

/// "rank 2" or "ranks 0, 1".
std::string list_ranks(const std::vector<int>& ranks);

}  // namespace byzccl::collective
