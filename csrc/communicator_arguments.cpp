// SPDX-License-Identifier: MIT
#include "csrc/communicator_arguments.hpp"

#include <byzccl/error.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace byzccl {

using collective::Bucket;

namespace {

bool overlap(const void* a, std::uint64_t a_bytes, const void* b, std::uint64_t b_bytes) {
  const auto begin_a = reinterpret_cast<std::uintptr_t>(a);
  const auto begin_b = reinterpret_cast<std::uintptr_t>(b);
  return begin_a < begin_b + b_bytes && begin_b < begin_a + a_bytes;
}

}  // namespace

CommunicatorOptions check_options(const CommunicatorOptions& options) {
  using std::chrono::hours;
  BYZCCL_CHECK(options.timeout.count() > 0 && options.timeout <= hours(24 * 366),
               "timeout must be between 1 ms and 366 days, got ", options.timeout.count(), " ms");
  BYZCCL_CHECK(options.chunk_bytes > 0 && options.chunk_bytes <= std::size_t{1} << 30,
               "chunk_bytes must be between 1 and 2^30, got ", options.chunk_bytes);
  BYZCCL_CHECK(options.algorithm <= Algorithm::kRing, "unknown algorithm");
  return options;
}

std::string find_mistake(const Bucket& bucket) {
  if (bucket.d < 0) return concat("d must not be negative, got ", bucket.d);
  if (bucket.dtype > DType::kFloat64) return "unknown dtype";
  if (bucket.d == 0) return "";
  if (bucket.x == nullptr) return concat("x is null, but d = ", bucket.d);
  const std::uint64_t bytes = static_cast<std::uint64_t>(bucket.d) * size_of(bucket.dtype);
  if (bucket.previous != nullptr && overlap(bucket.previous, bytes, bucket.x, bytes)) {
    return "the previous output overlaps x, which is written over";
  }
  return "";
}

std::string find_misaligned(const Bucket& bucket) {
  for (const void* const pointer :
       {bucket.x, bucket.previous, static_cast<const void*>(bucket.out)}) {
    if (reinterpret_cast<std::uintptr_t>(pointer) % size_of(bucket.dtype) == 0) continue;
    return concat("on a CUDA device vectors are aligned to their elements of ",
                  size_of(bucket.dtype), " bytes, got ", pointer);
  }
  return "";
}

std::string find_scatter_mistake(const Bucket& bucket, int rank, int n) {
  if (bucket.d % n != 0) return concat("d = ", bucket.d, " is no multiple of n = ", n);
  if (bucket.d <= 0 || bucket.x == nullptr) return "";
  if (bucket.out == nullptr) return concat("out is null, but d = ", bucket.d);
  const std::uint64_t part = static_cast<std::uint64_t>(bucket.d / n) * size_of(bucket.dtype);
  const std::byte* const own = static_cast<const std::byte*>(bucket.x) + part * rank;
  if (bucket.out != own && overlap(bucket.out, part, bucket.x, part * n)) {
    return "out overlaps x, but is not this rank's columns of it";
  }
  return "";
}

}  // namespace byzccl
