// SPDX-License-Identifier: MIT
#include "csrc/collective/board_text.hpp"

#include <cstdint>

namespace byzccl::collective {
namespace {

constexpr bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

/// One character and the bytes it takes; 0 bytes: there is no UTF-8.
struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;
};

/// The character at the start of `text`, which is not empty. Overlong forms, surrogates and what
/// lies above U+10FFFF are no UTF-8.
Character first_of(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = lead & (0x7fu >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if (!continues(text[i])) return {};
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  const bool overlong = (bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  if (overlong || surrogate || code > 0x10ffff) return {};
  return {code, bytes};
}

constexpr bool within(std::uint32_t code, std::uint32_t first, std::uint32_t last) {
  return code >= first && code <= last;
}

bool is_control(std::uint32_t code) {
  return code < 0x20 || within(code, 0x7f, 0x9f) ||        // C0, C1
         code == 0x61c || within(code, 0x200e, 0x200f) ||  // direction
         within(code, 0x2028, 0x202e) || within(code, 0x2066, 0x2069) || code == 0xfeff;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const Character character = first_of(text);
    const bool blank = character.code == '\n' || character.code == '\r' || character.code == '\t';
    if (character.bytes == 0 || is_control(character.code)) {
      result += blank ? ' ' : '?';
      text.remove_prefix(character.bytes == 0 ? 1 : character.bytes);
    } else {
      result += text.substr(0, character.bytes);
      text.remove_prefix(character.bytes);
    }
  }
  return result;
}

std::string cut(std::string text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && continues(text[most])) --most;
  text.resize(most);
  return text;
}

}  // namespace byzccl::collective
