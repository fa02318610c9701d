// SPDX-License-Identifier: MIT
// Text that goes over the board. Whoever writes there may be anybody: what is read is shown to
// users, and goes through bindings that take nothing but UTF-8.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace byzccl::collective {

/// Most bytes read per entry.
inline constexpr std::size_t kMaxText = 4096;

/// `text` as UTF-8 that prints as one line and in its own direction: a line break or a tab becomes
/// a space, and '?' stands for every other control character, for marks that turn the direction of
/// writing or end a line, and for each byte that is no UTF-8.
std::string printable(std::string_view text);

/// The first `most` bytes of UTF-8, without a character that would be cut.
std::string cut(std::string text, std::size_t most);

}  // namespace byzccl::collective
