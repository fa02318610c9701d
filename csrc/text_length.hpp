// SPDX-License-Identifier: MIT
// How long the text of a rule or an attack may be.

#pragma once

#include <byzccl/error.hpp>
#include <string_view>

namespace byzccl {

/// All that can be written takes less; messages quote the text, and stay short.
constexpr std::size_t kMostLetters = 400;

/// @throws InvalidArgument
inline void check_length(std::string_view text, std::string_view of) {
  BYZCCL_CHECK(text.size() <= kMostLetters, "the text of ", of, " has at most ", kMostLetters,
               " characters, got ", text.size());
}

}  // namespace byzccl
