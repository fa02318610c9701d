// SPDX-License-Identifier: MIT
// The message that goes before every add and every finish: what a rank is about to do.

#pragma once

#include <byzccl/communicator.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "csrc/collective/call.hpp"

namespace byzccl::collective {

enum class Message : std::uint8_t { kAdd, kFinish };

inline constexpr std::uint32_t kMagic = 0x4c43425au;  // "ZBCL" in memory
inline constexpr std::uint32_t kVersion = 3;

/// Steps stay far from where adding one would overflow.
inline constexpr std::int64_t kMaxStep = std::int64_t{1} << 53;

/// Fixed in size and layout, little-endian. Text is printable and ends with a zero.
struct Header {
  std::uint32_t magic = kMagic;
  std::uint32_t version = kVersion;
  std::int64_t step = 0;         ///< exchanges before this one
  std::int64_t index = 0;        ///< adds before this message
  std::int64_t count = 0;        ///< d of an add
  std::int64_t chunk_bytes = 0;  ///< most bytes of a message: both ends cut alike
  std::uint64_t previous = 0;    ///< digest of the add's previous output; 0: none
  std::int32_t rank = 0;         ///< of the sender
  std::int32_t size = 0;         ///< ranks, as the sender knows it
  std::int32_t root = 0;
  Message message = Message::kAdd;
  Algorithm algorithm = Algorithm::kSharded;
  Operation operation = Operation::kAllReduce;
  DType dtype = DType::kFloat32;
  std::uint8_t refused = 0;  ///< 1: the sender cannot take part; `reason` says why
  std::uint8_t last =
      0;  ///< of an add: 1: the finish follows at once, without a header if all say so
  std::uint8_t zero[6] = {};
  char kind[32] = {};     ///< Steps::kind
  char rule[192] = {};    ///< canonical text
  char reason[216] = {};  ///< cut where it is longer
};
static_assert(sizeof(Header) == 512 && std::has_unique_object_representations_v<Header>);

/// Copies as much of `text` as fits and can be sent; the rest of `to` becomes zero.
template <std::size_t size>
void write_text(char (&to)[size], std::string_view text) {
  for (std::size_t i = 0; i < size; ++i) {
    const char c = i + 1 < size && i < text.size() ? text[i] : '\0';
    to[i] = c == '\0' || (c >= ' ' && c <= '~') ? c : '?';
  }
}

/// What is wrong with a header that came from `peer`, or nothing. A header of another version is
/// judged no further: only its version may be read.
std::string find_fault(const Header& header, int peer);

}  // namespace byzccl::collective
