// SPDX-License-Identifier: MIT
#include "csrc/communicator_failure.hpp"

#include <utility>
#include <vector>

#include "csrc/collective/board_text.hpp"
#include "csrc/collective/echoes.hpp"

namespace byzccl {

using collective::Stage;

namespace {

/// Thrown when the device does not let go of the memory in time.
std::exception_ptr held_up(const std::exception_ptr& error) {
  const std::string more =
      "; the device did not let go of the vectors in time: it may still read and write them";
  try {
    std::rethrow_exception(error);
  } catch (const TransportError& known) {
    return std::make_exception_ptr(TransportError(known.what() + more, known.suspects()));
  } catch (const std::exception& other) {
    return std::make_exception_ptr(Error(other.what() + more));
  }
}

/// Those that an error names; an error of its own is this rank's.
std::vector<int> suspects_in(const std::exception_ptr& error, int rank) {
  try {
    std::rethrow_exception(error);
  } catch (const TransportError& named) {
    return named.suspects();
  } catch (...) {
    return {rank};
  }
}

}  // namespace

Failure::Failure(std::shared_ptr<Transport> transport, collective::Mail& mail, Flights& flights)
    : transport_(std::move(transport)), mail_(mail), flights_(flights) {}

void Failure::give_up(std::string_view reason) noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (gave_up_) return;
    gave_up_ = true;
    reason_ = collective::printable(reason);
  }
  collective::announce(*transport_, std::string(reason));
  transport_->abort();
}

std::exception_ptr Failure::given_up() {
  const std::lock_guard lock(mutex_);
  if (!gave_up_) return nullptr;
  return std::make_exception_ptr(TransportError("gave up: " + reason_));
}

void Failure::see_off() noexcept {
  if (ended_ || !given_up()) return;
  transport_->control().stay_for_others({transport_->rank()});
}

std::exception_ptr Failure::error() {
  if (!error_) error_ = given_up();
  return error_;
}

void Failure::strike(const std::exception_ptr& error, const std::string& context) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const PeerError& peers) {
    end(judge(peers, context));
  } catch (const std::exception& own) {
    strike_self(concat("it failed: ", own.what()), error);
  }
}

void Failure::strike_self(const std::string& reason, std::exception_ptr error) noexcept {
  collective::announce(*transport_, reason);
  end(std::move(error));
}

/// What lies in the mail and in flights may go once the transport has let go of it.
void Failure::end(std::exception_ptr error) noexcept {
  ended_ = true;
  flights_.doom_all();
  transport_->abort();
  const bool held = !transport_->let_go();
  if (held) error = held_up(error);
  flights_.fail_all(error, held ? transport_ : nullptr);
  mail_.clear();
  transport_->control().stay_for_others(suspects_in(error, transport_->rank()));
  error_ = std::move(error);
}

std::exception_ptr Failure::judge(const PeerError& error, const std::string& context) {
  if (const std::exception_ptr reason = given_up()) return reason;
  return std::make_exception_ptr(
      collective::judge(*transport_, witness(error), mail_.options().timeout, context));
}

/// Whom this rank misses. Before all have met, a rank may be late for a good reason: one that lives
/// answers. Afterwards all that live must be there.
collective::Witness Failure::witness(const PeerError& error) {
  using Kind = collective::Sighting::Kind;
  collective::Sighting seen{error.timed_out() ? Kind::kTimedOut : Kind::kGone, {}};
  if (error.peer() != PeerError::kAny) seen.peers.push_back(error.peer());
  if (dynamic_cast<const ProtocolError*>(&error) != nullptr) {
    seen.kind = Kind::kLied;
    seen.detail = error.what();
    return {seen};
  }
  if (const auto* contradiction = dynamic_cast<const collective::ContradictionError*>(&error)) {
    return {{Kind::kContradicted, contradiction->suspects(), error.what()}};
  }
  const Stage stage = mail_.waits().state().stage;
  seen.everybody = seen.peers.empty() || stage == Stage::kTogether;
  const bool late = seen.kind == Kind::kTimedOut;
  for (const int peer : late ? mail_.missing() : mail_.lost()) {
    if (peer != error.peer()) seen.peers.push_back(peer);
  }
  collective::Witness witness{seen};
  if (!late) witness.lost = [this] { return mail_.lost(); };
  if (!late) witness.missing = [this] { return mail_.missing(); };
  return witness;
}

}  // namespace byzccl
