// SPDX-License-Identifier: MIT
// The one table of attacks: their names, parameters and what holds where a parameter is left out.

#pragma once

#include <array>
#include <byzccl/attack.hpp>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace byzccl::attacks {

using Real = std::optional<double> Attack::*;
using Integer = std::optional<std::int64_t> Attack::*;
using Direction = std::optional<Perturbation> Attack::*;

struct Parameter {
  std::string_view name;
  std::variant<Real, Integer, Direction> member;
  double fallback = 0;  ///< where left out; a Direction's is its number
  double least = 0;
  std::string_view otherwise = {};  ///< in words, where no number holds when it is left out
};

struct Row {
  AttackKind kind;
  std::string_view name;
  std::string_view description;
  std::array<Parameter, 3> storage{};
  std::size_t count = 0;
  bool on_messages = false;
  bool asks_rule = false;

  std::span<const Parameter> parameters() const { return std::span(storage).first(count); }
};

/// By the order of Perturbation.
inline constexpr std::array<std::string_view, 3> kDirections{"unit", "std", "sign"};

std::span<const Row> table();
/// @throws InvalidArgument if there is no such kind
const Row& row_of(AttackKind kind);
/// The attack with the numbers that hold where they were left out. @throws InvalidArgument for a
/// number below its least.
Attack complete(const Attack& attack);

}  // namespace byzccl::attacks
