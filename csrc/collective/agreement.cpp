// SPDX-License-Identifier: MIT
#include "csrc/collective/agreement.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <string>
#include <utility>

#include "csrc/collective/differences.hpp"

namespace byzccl::collective {
namespace {

/// The outcome of headers that all ranks received alike. @param differ  some differ in any byte
Agreement outcome_of(const std::vector<Header>& headers, bool differ, std::exception_ptr refusal) {
  std::int64_t step = 0;
  bool any_refused = false;
  bool all_refused = true;
  bool all_last = true;
  std::string refusals;
  for (const Header& header : headers) {
    if (header.version != kVersion) continue;
    step = std::max(step, header.step);
    any_refused = any_refused || header.refused != 0;
    all_refused = all_refused && header.refused != 0;
    all_last = all_last && header.last != 0;
    if (header.refused != 0) {
      refusals += concat("rank ", &header - headers.data(), " refused: ", header.reason, "\n");
    }
  }
  Agreement agreement{
      .next_step = std::min(step + 1, kMaxStep), .error = nullptr, .last = all_last};
  std::string differences = differ ? find_differences(headers) : "";
  if (differences.empty() && all_refused) {
    agreement.error = std::move(refusal);
  } else if (!differences.empty() || any_refused) {
    differences += refusals;
    differences.pop_back();
    agreement.error = std::make_exception_ptr(MismatchError(differences));
  }
  return agreement;
}

}  // namespace

Agreement agree(Mail& mail, Echoes& echoes, std::vector<Header>& headers,
                std::exception_ptr refusal) {
  const int n = mail.size();
  const bool on_device = &mail.transport().control() != &mail.transport();
  mail.clear();
  if (!on_device) echoes.expect();
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int offset = 1; offset < n; ++offset) {
    in.push_back({mail.peer(-offset), &headers[mail.peer(-offset)], sizeof(Header)});
    out.push_back({mail.peer(offset), &headers[mail.rank()], sizeof(Header)});
  }
  const Deadline deadline = mail.deadline();
  const Parcels parcels = mail.post_uncut(Channel::kHeaders, out, in);
  mail.wait_received(parcels, deadline);
  for (int r = 0; r < n; ++r) {
    const std::string fault = find_fault(headers[r], r);
    if (!fault.empty()) throw ProtocolError(r, fault);
  }
  mail.wait_sent(parcels, deadline);
  echoes.post(headers);
  Agreement agreement = outcome_of(headers, echoes.differ(), std::move(refusal));
  // Where payload follows, the echoes travel with it; but what a device has been given cannot be
  // taken back.
  if (agreement.error || on_device) echoes.settle();
  return agreement;
}

}  // namespace byzccl::collective
