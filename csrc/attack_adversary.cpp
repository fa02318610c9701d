// SPDX-License-Identifier: MIT
#include <byzccl/attack.hpp>
#include <byzccl/error.hpp>
#include <cstring>

#include "csrc/attack_table.hpp"

namespace byzccl {

Adversary::Adversary(const Attack& attack) : attack_(attack) {
  const attacks::Row& row = attacks::row_of(attack.kind);
  BYZCCL_CHECK(!row.on_messages, row.name,
               " acts on messages, not on a vector: see attack_transport.hpp");
  attacks::complete(attack);  // its bounds
}

void Adversary::craft(std::span<const void* const> honest, std::int64_t d, DType dtype,
                      const AttackContext& context, void* out) {
  if (attack_.kind != AttackKind::kStale) {
    byzccl::craft(attack_, honest, d, dtype, context, out);
    return;
  }
  byzccl::craft(Attack{}, honest, d, dtype, context, out);
  const std::size_t bytes = static_cast<std::size_t>(d) * size_of(dtype);
  if (!past_.empty() && (dtype_ != dtype || past_.front().size() != bytes)) past_.clear();
  dtype_ = dtype;
  const auto* const own = static_cast<const std::byte*>(out);
  past_.emplace_back(own, own + bytes);
  const std::int64_t age = *attacks::complete(attack_).age;
  if (static_cast<std::int64_t>(past_.size()) - 1 > age) past_.pop_front();
  if (bytes > 0) std::memcpy(out, past_.front().data(), bytes);
}

}  // namespace byzccl
