// SPDX-License-Identifier: MIT
#include "csrc/node/frame.hpp"

#include <byzccl/error.hpp>
#include <cstring>

namespace byzccl::node {
namespace {

bool same(const Frame& a, const Frame& b) { return std::memcmp(&a, &b, sizeof(Frame)) == 0; }

/// The frame that an honest node would have made of what this one says.
Frame honest(const Frame& frame, const Shape& shape) {
  switch (frame.what) {
    case What::kVector:
      return vector_frame(shape, frame.kind, frame.step);
    case What::kRoom:
      return room_frame(shape, frame.kind, frame.number);
    case What::kAsk:
    case What::kAnswer:
      break;
  }
  return ask_frame(shape, frame.what, frame.number);
}

}  // namespace

Frame vector_frame(const Shape& shape, int kind, std::int64_t step) {
  Frame frame;
  frame.kind = static_cast<std::uint8_t>(kind);
  frame.dtype = shape.dtype;
  frame.step = step;
  frame.count = shape.count;
  return frame;
}

Frame room_frame(const Shape& shape, int kind, std::int64_t number) {
  Frame frame;
  frame.what = What::kRoom;
  frame.kind = static_cast<std::uint8_t>(kind);
  frame.dtype = shape.dtype;
  frame.number = number;
  return frame;
}

Frame ask_frame(const Shape& shape, What what, std::int64_t number) {
  Frame frame;
  frame.what = what;
  frame.dtype = shape.dtype;
  frame.number = number;
  return frame;
}

std::string find_fault(const Frame& frame, const Shape& shape) {
  const Frame model;
  if (frame.magic != model.magic || frame.version != model.version) {
    return "it sent a header that is none of this protocol";
  }
  if (frame.what > What::kAnswer) return "it sent a header of no known meaning";
  if (frame.dtype > DType::kFloat64) return "it sent a header with a dtype that does not exist";
  if (frame.dtype != shape.dtype) {
    return concat("its vectors are ", to_text(frame.dtype), ", ours ", to_text(shape.dtype));
  }
  if (frame.what == What::kVector && frame.count != shape.count) {
    return concat("it sent a vector of ", frame.count, " elements, ours have ", shape.count);
  }
  if (frame.kind >= shape.kinds) {
    return concat("it sent kind ", int{frame.kind}, ", and there are ", shape.kinds, " kinds");
  }
  if (frame.step < 0 || frame.number < 0) return "it sent a header with a number below 0";
  if (!same(frame, honest(frame, shape))) return "it sent a header with fields that are to be 0";
  return "";
}

}  // namespace byzccl::node
