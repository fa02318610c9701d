// SPDX-License-Identifier: MIT
// The digest of a vector on a stream is the host's, and a previous output that is not finite
// becomes zeros without a word to the host.

#include <byzccl/dtype.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "csrc/cuda/owners.hpp"
#include "csrc/cuda/steps_cuda.hpp"
#include "kernels/launch.hpp"
#include "support/catch.hpp"
#include "support/stack.hpp"
#include "tests/cuda/support/device_rows.hpp"

namespace byzccl {
namespace {

using test::Row;

// The last one is more than a block takes at a time, of any type.
#if defined(__SANITIZE_THREAD__)  // a lane is a thread there
const std::vector<std::int64_t> kColumns = {0, 1, 7};
#else
const std::vector<std::int64_t> kColumns = {0, 1, 2, 3, 4, 5, 7, 8, 9, 4100, 6144, 33'001};
#endif

Row random_row(std::int64_t d, DType dtype, std::size_t offset) {
  test::Random random(static_cast<std::uint64_t>(d) + 5);
  Row row(d, dtype, offset);
  for (std::int64_t i = 0; i < d; ++i) row.set(i, random.uniform());
  return row;
}

/// As the host and the device see it, which must be alike.
Digest digest_of(const Row& row, std::int64_t d, DType dtype) {
  const cuda::Stream stream;
  const test::DeviceRow on_device(row, stream.get());
  const Digest host = make_cpu_steps()->digest(row.data(), d, dtype);
  const Digest device = cuda::make_steps(stream.get())->digest(on_device.data(), d, dtype);
  CHECK(host.value == device.value);
  CHECK(host.finite == device.finite);
  CHECK(host.value != 0);
  return host;
}

TEST_CASE("the device has the host's digest, and tells what is not finite") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const DType dtype : test::kEveryDType) {
    for (const std::int64_t d : kColumns) {
      for (const std::size_t offset : {std::size_t{0}, size_of(dtype)}) {
        CAPTURE(to_text(dtype), d, offset);
        Row row = random_row(d, dtype, offset);
        const Digest whole = digest_of(row, d, dtype);
        CHECK(whole.finite);
        if (d == 0) continue;
        for (const auto& [column, odd] :
             {std::pair{std::int64_t{0}, kInfinity}, {d / 2, -kInfinity}, {d - 1, std::nan("")}}) {
          const double before = row.at(column);
          row.set(column, odd);
          const Digest changed = digest_of(row, d, dtype);
          CHECK(!changed.finite);
          CHECK(changed.value != whole.value);
          row.set(column, before);
        }
        if (d > 1) CHECK(digest_of(row, d - 1, dtype).value != whole.value);
      }
    }
  }
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a vector may be longer than all blocks take at a time") {
  const std::int64_t d = (1 << 20) + 5;
  Row row(d, DType::kFloat64);
  test::Random random(8);
  for (std::int64_t i = 0; i < d; ++i) row.set(i, random.uniform());
  CHECK(digest_of(row, d, DType::kFloat64).finite);
  row.set(d - 1, std::nan(""));
  CHECK(!digest_of(row, d, DType::kFloat64).finite);
}
#endif

TEST_CASE("words that change places, and zeros at the end, change the digest") {
  const DType dtype = DType::kFloat32;
  Row row = random_row(4, dtype, 0);
  const std::uint64_t before = digest_of(row, 4, dtype).value;
  Row swapped(4, dtype);
  for (std::int64_t i = 0; i < 4; ++i) swapped.set(i, row.at((i + 2) % 4));
  CHECK(digest_of(swapped, 4, dtype).value != before);
  Row longer(5, dtype);
  for (std::int64_t i = 0; i < 4; ++i) longer.set(i, row.at(i));
  CHECK(digest_of(longer, 5, dtype).value != before);
}

TEST_CASE("a copy is cleared where an element is not finite") {
  for (const DType dtype : test::kEveryDType) {
    for (const std::int64_t d : kColumns) {
      for (const bool finite : {true, false}) {
        if (d == 0) continue;
        CAPTURE(to_text(dtype), d, finite);
        Row row = random_row(d, dtype, size_of(dtype));
        if (!finite) row.set(d - 1, std::nan(""));
        const cuda::Stream stream;
        const test::DeviceRow x(row, stream.get());
        Row got(d, dtype, size_of(dtype));
        const test::DeviceRow copy(got, stream.get());
        const auto sums = test::upload(std::vector<rules::DigestSums>(1), stream.get());
        auto* const to = static_cast<rules::DigestSums*>(sums.get());
        kernels::digest(x.data(), d, dtype, to, copy.data(), stream.get());
        kernels::clear_odd(copy.data(), d, dtype, to, stream.get());
        copy.download(got);
        const Row zeros(d, dtype);
        CHECK(got.same_bits(finite ? row : zeros));
      }
    }
  }
}

}  // namespace
}  // namespace byzccl
