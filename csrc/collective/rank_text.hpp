// SPDX-License-Identifier: MIT
// Rank numbers in text from the board.

#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>

namespace byzccl::collective {

/// A rank number in [0, n) at the start of `text`, which moves past it.
inline std::optional<int> take_rank(std::string_view& text, int n) {
  int rank = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
  if (error != std::errc() || rank < 0 || rank >= n) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return rank;
}

}  // namespace byzccl::collective
