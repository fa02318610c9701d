// SPDX-License-Identifier: MIT
// Memory through which messages travel that are not received in place.

#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace byzccl::torch {

/// Each slot takes the longest message there is, whatever is expected: what a peer sends is data
/// and never writes past an end. Pages that no message touches cost nothing, so thousands may be
/// out at a time; those given back are kept for the next, but only a few of them. Any thread.
class Slots : public std::enable_shared_from_this<Slots> {
 public:
  class GiveBack {
   public:
    explicit GiveBack(std::shared_ptr<Slots> owner = nullptr) : owner_(std::move(owner)) {}
    void operator()(std::byte* memory) const noexcept { owner_->give_back(memory); }

   private:
    std::shared_ptr<Slots> owner_;
  };
  using Slot = std::unique_ptr<std::byte, GiveBack>;

  explicit Slots(std::size_t bytes) : bytes_(bytes) {}
  ~Slots();
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;

  /// @throws std::bad_alloc
  Slot take();

 private:
  void give_back(std::byte* memory) noexcept;

  const std::size_t bytes_;
  std::mutex mutex_;
  std::vector<std::byte*> free_;
};

}  // namespace byzccl::torch
