// SPDX-License-Identifier: MIT
#include <byzccl/meeting_failure.hpp>

#include "csrc/collective/faults.hpp"

namespace byzccl {
namespace {

using collective::Sighting;

Sighting sighting_of(const MeetingFailure& seen, int rank) {
  switch (seen.kind) {
    case MeetingFailure::Kind::kBrokeProtocol:
      return {Sighting::Kind::kLied, {seen.peer}, seen.detail};
    case MeetingFailure::Kind::kGaveUp:
      return {Sighting::Kind::kGaveUp, {rank}, seen.detail};
    case MeetingFailure::Kind::kTimedOut:
      break;
  }
  return {.kind = Sighting::Kind::kTimedOut, .peers = {}, .detail = {}, .everybody = true};
}

}  // namespace

TransportError agree_on_failure(Transport& transport, const MeetingFailure& seen,
                                std::chrono::milliseconds timeout, const std::string& context) {
  const Sighting sighting = sighting_of(seen, transport.rank());
  return collective::judge(transport, {sighting}, timeout, context);
}

void announce_failure(Transport& transport, const std::string& reason) noexcept {
  collective::announce(transport, reason);
}

}  // namespace byzccl
