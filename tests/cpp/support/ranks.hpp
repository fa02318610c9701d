// SPDX-License-Identifier: MIT
// Ranks as threads, and the vectors that they bring.

#pragma once

#include <byzccl/byzccl.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace byzccl::test {

/// Calls fn(rank) on a thread for each of n ranks, joins them, and rethrows the first error. After
/// `limit` the process is ended: a deadlock must fail, not hang. Catch2's assertions are for the
/// main thread: fn throws or stores instead.
void run(int n, const std::function<void(int)>& fn,
         std::chrono::seconds limit = std::chrono::seconds(120));

/// A communicator over each end of a new local group, for fn(communicator).
void run(int n, const CommunicatorOptions& options, const std::function<void(Communicator&)>& fn,
         std::chrono::seconds limit = std::chrono::seconds(120));

/// @throws std::runtime_error unless `condition` holds. For ranks, which may not use REQUIRE.
void expect(bool condition, const std::string& what);

/// A vector as its bytes.
using Bytes = std::vector<std::byte>;

/// The elements, rounded to `dtype`.
Bytes encode(const std::vector<double>& values, DType dtype);
/// d values around 1 that depend on rank and seed alone.
Bytes random_vector(int rank, std::int64_t d, DType dtype, int seed = 0);
/// d times `value`.
Bytes constant_vector(double value, std::int64_t d, DType dtype);

/// What aggregate() and explain() make of the vectors.
struct Expected {
  Bytes out;
  Report report;
};
Expected expected_of(const std::vector<Bytes>& x, std::int64_t d, DType dtype, const Rule& rule,
                     const Caller& caller = {});

/// @throws std::runtime_error with `name` unless all that a decision knows has the same bits
void expect_same_report(const Report& got, const Report& local, const std::string& name);

/// The message of the Error that fn throws; "" if none.
template <class Kind>
std::string message_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Kind& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another kind of error: ") + error.what();
  }
  return "";
}

}  // namespace byzccl::test
