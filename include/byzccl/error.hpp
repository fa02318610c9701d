// SPDX-License-Identifier: MIT
// Every exception of the library. docs/errors.md says after which of them a communicator may be
// used again. A Byzantine value (NaN, Inf, 1e30) is data and never raises.

#pragma once

#include <cstdint>
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

/// A node (node.hpp) cannot have, or did not get in time, as many vectors of a step as it asked
/// for. The node goes on. Of the ranks that were asked, without those whose vector has come:
class QuorumError : public Error {
 public:
  struct Ranks {
    std::vector<int> missing = {};  ///< nothing of the step or of a later one has come, and it may
    std::vector<int> passed = {};   ///< it can come no more: a later step came, or was collected
    std::vector<int> gone = {};     ///< closed the connection, or was cut off
  };

  QuorumError(const std::string& message, Ranks ranks, std::int64_t next_step, bool timed_out)
      : Error(message), ranks_(std::move(ranks)), next_step_(next_step), timed_out_(timed_out) {}
  /// Each ascending.
  const std::vector<int>& missing() const noexcept { return ranks_.missing; }
  const std::vector<int>& passed() const noexcept { return ranks_.passed; }
  const std::vector<int>& gone() const noexcept { return ranks_.gone; }
  /// Where whoever was overtaken goes on: the highest step that as many sources as are needed have
  /// reached, so that ranks that lie about their steps, fewer than that, cannot lead it away; and
  /// at least the step after the one that was asked for.
  std::int64_t next_step() const noexcept { return next_step_; }
  /// The deadline has passed. Otherwise the step can no longer be had, and that was told at once.
  bool timed_out() const noexcept { return timed_out_; }

 private:
  Ranks ranks_;
  std::int64_t next_step_;
  bool timed_out_;
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
