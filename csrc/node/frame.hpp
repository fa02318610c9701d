// SPDX-License-Identifier: MIT
// The header of each vector, and the other messages between nodes.

#pragma once

#include <byzccl/dtype.hpp>
#include <cstdint>
#include <string>
#include <type_traits>

namespace byzccl::node {

/// The settings that all nodes of a group share. None of them is ever taken from a message.
struct Shape {
  std::int64_t count = 0;  ///< elements of every vector
  DType dtype = DType::kFloat32;
  int kinds = 1;
  int kept = 1;
  int unsent = 1;  ///< of this node alone
};

enum class What : std::uint8_t {
  kVector,  ///< `count` elements of `kind` and `step` follow
  kRoom,    ///< the receiver has let go of `number` vectors of `kind` so far
  kAsk,     ///< to be answered with the same `number` when all before it has arrived
  kAnswer,
};

/// Fixed in size and layout, little-endian. A field that a message of its kind does not use is 0.
struct Frame {
  std::uint32_t magic = 0x4f4e425au;  // "ZBNO" in memory
  std::uint8_t version = 1;
  What what = What::kVector;
  std::uint8_t kind = 0;
  DType dtype = DType::kFloat32;
  std::int64_t step = 0;
  std::int64_t count = 0;
  std::int64_t number = 0;
  std::uint8_t digest[16] = {};    ///< room for one of the vector; zeros
  std::uint8_t reserved[16] = {};  ///< zeros
};
static_assert(sizeof(Frame) == 64 && std::has_unique_object_representations_v<Frame>);

/// The frame of one message.
Frame vector_frame(const Shape& shape, int kind, std::int64_t step);
Frame room_frame(const Shape& shape, int kind, std::int64_t number);
Frame ask_frame(const Shape& shape, What what, std::int64_t number);

/// What is wrong with a frame, whatever came before it; nothing: "". It reads all fields, and none
/// is trusted before.
std::string find_fault(const Frame& frame, const Shape& shape);

}  // namespace byzccl::node
