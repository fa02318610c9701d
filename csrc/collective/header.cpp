// SPDX-License-Identifier: MIT
#include "csrc/collective/header.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <iterator>

namespace byzccl::collective {
namespace {

template <std::size_t size>
bool is_text(const char (&text)[size]) {
  const char* const end = std::find(std::begin(text), std::end(text), '\0');
  return end != std::end(text) &&
         std::all_of(std::begin(text), end, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::string find_fault(const Header& header, int peer) {
  if (header.magic != kMagic) return "a header without the magic number";
  if (header.version != kVersion) return "";
  if (header.rank != peer) return concat("a header that claims to be from rank ", header.rank);
  if (header.message > Message::kFinish || header.algorithm > Algorithm::kRing ||
      header.operation > Operation::kReduceScatter || header.dtype > DType::kFloat64 ||
      header.refused > 1 || header.last > 1) {
    return "a header with an unknown value";
  }
  if (header.step < 0 || header.step > kMaxStep || header.index < 0) {
    return "a header with a step or an index out of range";
  }
  if (std::any_of(std::begin(header.zero), std::end(header.zero), [](auto b) { return b != 0; })) {
    return "a header with bytes where none belong";
  }
  if (!is_text(header.kind) || !is_text(header.rule) || !is_text(header.reason)) {
    return "a header with text that is not text";
  }
  return "";
}

std::string to_text(Operation operation, int root) {
  switch (operation) {
    case Operation::kReduce:
      return concat("reduce(root=", root, ")");
    case Operation::kReduceScatter:
      return "reduce_scatter";
    case Operation::kAllReduce:
      break;
  }
  return "all_reduce";
}

}  // namespace byzccl::collective
