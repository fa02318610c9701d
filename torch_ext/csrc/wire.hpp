// SPDX-License-Identifier: MIT
// What a message looks like on its way over c10d, whose receives match by tag and source alone:
// they take a shorter message for a whole one, and end the process on a longer one. So every
// message is cut and framed, and its end can be seen (docs/collectives.md, On the wire).

#pragma once

#include <byzccl/transport.hpp>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>

namespace byzccl::torch::wire {

/// A longer message travels in whole pieces of these bytes, received where they belong, and a
/// closing one. Every receive has room for as many: no message up to here does harm.
inline constexpr std::size_t kPiece = std::size_t{1} << 20;
/// Of one message.
inline constexpr std::size_t kMostBytes = std::size_t{1} << 30;

/// Begins the closing piece. Fixed in size and layout, little-endian.
struct Frame {
  std::uint32_t magic = 0x5246425au;  // "ZBFR" in memory
  Channel channel = Channel::kPayload;
  std::uint8_t zero[3] = {};
  std::int32_t from = 0;
  std::int32_t to = 0;
  std::uint64_t number = 0;  ///< pieces before this one, from the one to the other on the channel
  std::uint64_t bytes = 0;   ///< of the message, without what frames it
  std::uint8_t digest[16] = {};    ///< room for one of the message; zeros
  std::uint8_t reserved[16] = {};  ///< zeros
};
static_assert(sizeof(Frame) == 64 && std::has_unique_object_representations_v<Frame>);

/// Of every whole piece the closing one repeats the last bytes: a piece that came short shows.
inline constexpr std::size_t kTail = 16;
/// Ends the closing piece; no byte of it is zero.
inline constexpr char kSeal[] = "ZBCLSEAL";
inline constexpr std::size_t kSealBytes = sizeof(kSeal) - 1;

/// Where things lie in a message of `bytes`.
struct Layout {
  explicit Layout(std::size_t bytes) : pieces(bytes / kPiece), rest(bytes % kPiece) {}
  std::size_t pieces;  ///< whole ones, in front
  std::size_t rest;    ///< bytes behind them: in the closing piece, behind the frame

  std::size_t tail_at(std::size_t piece) const { return sizeof(Frame) + rest + piece * kTail; }
  std::size_t seal_at() const { return tail_at(pieces); }
  std::size_t closing_bytes() const { return seal_at() + kSealBytes; }
};
/// Of a slot for a closing piece: the longest there is, and at least kPiece.
inline constexpr std::size_t kSlotBytes =
    kPiece + sizeof(Frame) + kMostBytes / kPiece * kTail + kSealBytes;

/// Writes the closing piece of the message at `data`.
void close(const Frame& frame, const std::byte* data, std::byte* closing);

/// Before a receive: what lies in the closing piece and at the ends of the whole ones at `data`
/// cannot be taken for what is to come: no peer knows what `random` gives.
void prepare(std::size_t bytes, std::byte* data, std::byte* closing, std::random_device& random);

/// After it: what is wrong with what came in place of a message with `frame`, or nothing. Then the
/// bytes behind the whole pieces are copied to where they belong.
std::string open(const Frame& frame, std::byte* data, const std::byte* closing);

/// Each piece has a tag of its own, in [0, kLastTag): that of the `number`-th on a channel.
inline constexpr std::uint32_t kLastTag = (1u << 30) - 1;
inline constexpr std::uint32_t kTagsOfChannel = (1u << 28) - 1;
inline int tag(Channel channel, std::uint64_t number) {
  return static_cast<int>((static_cast<std::uint32_t>(channel) << 28) +
                          static_cast<std::uint32_t>(number % kTagsOfChannel));
}

}  // namespace byzccl::torch::wire
