// SPDX-License-Identifier: MIT
#include "csrc/transport/nccl/staging.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace byzccl::nccl {
namespace {

constexpr std::size_t kSmallest = 1024;

std::size_t capacity_for(std::size_t bytes) { return std::bit_ceil(std::max(bytes, kSmallest)); }

std::shared_ptr<void> pin(std::size_t bytes) {
  void* memory = nullptr;
  const cuda::BesideCaptures beside;
  cuda::check(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "cudaHostAlloc");
  return {memory, [](void* p) {
            const cuda::BesideCaptures also_beside;
            cudaFreeHost(p);
          }};
}

}  // namespace

Staging::Place Staging::take(std::size_t bytes) {
  const std::size_t capacity = capacity_for(bytes);
  std::vector<Place>& places = free_[capacity];
  if (!places.empty()) {
    Place place = std::move(places.back());
    places.pop_back();
    return place;
  }
  const cuda::DeviceScope scope(streams_->device());
  return {pin(capacity), cuda::allocate(capacity, streams_->comm())};
}

void Staging::give_back(std::size_t bytes, Place place) {
  free_[capacity_for(bytes)].push_back(std::move(place));
}

}  // namespace byzccl::nccl
