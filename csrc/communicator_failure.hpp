// SPDX-License-Identifier: MIT
// How a communicator ends before its time: whom it blames, and what it tells the other ranks.

#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "csrc/collective/faults.hpp"
#include "csrc/collective/mail.hpp"
#include "csrc/communicator_flight.hpp"

namespace byzccl {

/// Once it has happened, no message of the group can be relied on any more.
class Failure {
 public:
  /// @param mail     what is on its way; its waits say how far the ranks have come
  /// @param flights  fail with it
  Failure(std::shared_ptr<Transport> transport, collective::Mail& mail, Flights& flights);

  /// What is under way fails, and all that comes after it. Any thread; again is a no-op.
  void give_up(std::string_view reason) noexcept;

  // The rest is the worker's alone.

  /// What every call raises from now on; null while nothing has failed.
  std::exception_ptr error();
  /// The exchange `context` failed with `error`: the ranks agree whom to name if peers are the
  /// reason, else the others are told that it is this rank.
  void strike(const std::exception_ptr& error, const std::string& context) noexcept;
  /// The others are told that it is this rank, for `reason`.
  void strike_self(const std::string& reason, std::exception_ptr error) noexcept;
  /// At the end of a communicator that gave up while nothing was under way: if the board ends with
  /// this process, the others get to read why.
  void see_off() noexcept;

 private:
  std::exception_ptr given_up();
  std::exception_ptr judge(const PeerError& error, const std::string& context);
  collective::Witness witness(const PeerError& error);
  void end(std::exception_ptr error) noexcept;

  const std::shared_ptr<Transport> transport_;
  collective::Mail& mail_;
  Flights& flights_;
  std::exception_ptr error_;
  bool ended_ = false;  // and the others have been seen off

  std::mutex mutex_;  // guards what follows
  bool gave_up_ = false;
  std::string reason_;
};

}  // namespace byzccl
