// SPDX-License-Identifier: MIT
#include "wire.hpp"

#include <cstring>

namespace byzccl::torch::wire {
namespace {

/// The last bytes of a whole piece.
std::byte* tail_of(std::byte* data, std::size_t piece) {
  return data + (piece + 1) * kPiece - kTail;
}

/// Why `got` is not the frame that was expected.
std::string find_fault(const Frame& got, const Frame& expected) {
  if (std::memcmp(&got, &expected, sizeof(Frame)) == 0)
    return "it sent a message that is cut short";
  if (got.magic != expected.magic) return "it sent bytes that are no message";
  if (got.bytes != expected.bytes) {
    return concat("it sent a message of ", got.bytes, " bytes where ", expected.bytes,
                  " were expected");
  }
  return "it sent a message that does not belong there";
}

}  // namespace

void close(const Frame& frame, const std::byte* data, std::byte* closing) {
  const Layout layout(frame.bytes);
  std::memcpy(closing, &frame, sizeof(Frame));
  std::memcpy(closing + sizeof(Frame), data + layout.pieces * kPiece, layout.rest);
  for (std::size_t piece = 0; piece < layout.pieces; ++piece) {
    std::memcpy(closing + layout.tail_at(piece), data + (piece + 1) * kPiece - kTail, kTail);
  }
  std::memcpy(closing + layout.seal_at(), kSeal, kSealBytes);
}

void prepare(std::size_t bytes, std::byte* data, std::byte* closing, std::random_device& random) {
  const Layout layout(bytes);
  for (std::size_t piece = 0; piece < layout.pieces; ++piece) {
    const unsigned guess[4] = {random(), random(), random(), random()};
    static_assert(sizeof(guess) == kTail);
    std::memcpy(tail_of(data, piece), guess, kTail);
  }
  std::memset(closing, 0, sizeof(Frame));
  std::memset(closing + layout.seal_at(), 0, kSealBytes);
}

std::string open(const Frame& frame, std::byte* data, const std::byte* closing) {
  const Layout layout(frame.bytes);
  Frame got;
  std::memcpy(&got, closing, sizeof(Frame));
  if (std::memcmp(closing + layout.seal_at(), kSeal, kSealBytes) != 0 ||
      std::memcmp(&got, &frame, sizeof(Frame)) != 0) {
    return find_fault(got, frame);
  }
  for (std::size_t piece = 0; piece < layout.pieces; ++piece) {
    if (std::memcmp(tail_of(data, piece), closing + layout.tail_at(piece), kTail) != 0) {
      return "it sent a message with a piece that is cut short";
    }
  }
  std::memcpy(data + layout.pieces * kPiece, closing + sizeof(Frame), layout.rest);
  return "";
}

}  // namespace byzccl::torch::wire
