// SPDX-License-Identifier: MIT
// Every exception of the library. docs/errors.md says after which of them a communicator may be
// used again. A Byzantine value (NaN, Inf, 1e30) is data and never raises.

#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace byzccl {

/// Base of all that the library throws.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The caller's mistake, found before any data moved. The message gives the bound and the numbers.
class InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// Ranks called with different rules, dtypes, counts or steps. Raised on every rank; the message
/// lists each value with the ranks that sent it. No payload was used.
class MismatchError : public Error {
 public:
  using Error::Error;
};

/// Ranks died, fell silent or broke the protocol. All ranks that can still talk name the same ones,
/// but one whose message begins with "contested:": the verdict of the others contradicts what this
/// rank saw, the message shows both, and the suspects are this rank's own, without itself.
class TransportError : public Error {
 public:
  explicit TransportError(const std::string& message, std::vector<int> suspects = {})
      : Error(message), suspects_(std::move(suspects)) {}
  /// Ranks held responsible, ascending; empty if nobody can be named.
  const std::vector<int>& suspects() const noexcept { return suspects_; }

 private:
  std::vector<int> suspects_;
};

/// The CUDA runtime refused a call. The message names the call and gives the runtime's own words.
class CudaError : public Error {
 public:
  using Error::Error;
};

/// NCCL refused a call. The message names the call and gives NCCL's own words.
class NcclError : public Error {
 public:
  using Error::Error;
};

/// The arguments, printed one after the other.
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

[[noreturn]] void throw_invalid_argument(const std::string& message);

}  // namespace byzccl

/// Throws InvalidArgument with the given parts as its message unless `condition` holds.
#define BYZCCL_CHECK(condition, ...) \
  if (!(condition)) ::byzccl::throw_invalid_argument(::byzccl::concat(__VA_ARGS__))
