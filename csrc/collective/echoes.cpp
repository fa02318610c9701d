// SPDX-License-Identifier: MIT
#include "csrc/collective/echoes.hpp"

#include <algorithm>
#include <byzccl/error.hpp>
#include <cstring>
#include <map>

#include "csrc/collective/differences.hpp"

namespace byzccl::collective {
namespace {

Header from_rank(Header header, int rank) {
  header.rank = rank;
  return header;
}

bool same(const Header& a, const Header& b) { return std::memcmp(&a, &b, sizeof(Header)) == 0; }

}  // namespace

Echoes::Echoes(Mail& mail)
    : mail_(mail),
      own_(static_cast<std::size_t>(mail.size())),
      echoes_(own_.size() * own_.size()) {}

std::vector<Incoming> Echoes::incoming() {
  const std::size_t bytes = own_.size();
  std::vector<Incoming> in;
  for (int offset = 1; offset < mail_.size(); ++offset) {
    const int from = mail_.peer(-offset);
    in.push_back({from, &echoes_[static_cast<std::size_t>(from) * bytes], bytes});
  }
  return in;
}

void Echoes::expect() {
  arriving_ = mail_.post_early(Channel::kEchoes, incoming());
  expects_ = true;
}

void Echoes::post(const std::vector<Header>& headers) {
  headers_ = &headers;
  deadline_ = mail_.deadline();
  const int n = mail_.size();
  for (int rank = 0; rank < n; ++rank) {
    own_[rank] = same(headers[rank], from_rank(headers[mail_.rank()], rank)) ? 0 : 1;
  }
  differ_ = std::find(own_.begin(), own_.end(), 1) != own_.end();
  std::vector<Outgoing> out;
  for (int offset = 1; offset < n; ++offset) {
    out.push_back({mail_.peer(offset), own_.data(), own_.size()});
  }
  if (expects_) {
    leaving_ = mail_.post_uncut(Channel::kEchoes, out, {});
    mail_.are_due(arriving_);
  } else {
    leaving_ = arriving_ = mail_.post_uncut(Channel::kEchoes, out, incoming());
  }
  expects_ = false;
}

void Echoes::settle() {
  if (headers_ == nullptr) return;
  mail_.wait_received(arriving_, deadline_);
  const bool all_alike = std::all_of(echoes_.begin(), echoes_.end(), [](auto b) { return b == 0; });
  if (differ_ || !all_alike) {
    const Parcels accounts = post_accounts();
    mail_.wait_received(accounts, deadline_);
    check();
    mail_.wait_sent(accounts, deadline_);
  }
  mail_.wait_sent(leaving_, deadline_);
  headers_ = nullptr;
}

bool Echoes::has_account(int rank) const {
  const std::uint8_t* const echo = &echoes_[static_cast<std::size_t>(rank) * own_.size()];
  return std::any_of(echo, echo + own_.size(), [](auto b) { return b != 0; });
}

Parcels Echoes::post_accounts() {
  const std::size_t n = own_.size();
  accounts_.resize(n * n);
  std::vector<Outgoing> out;
  std::vector<Incoming> in;
  for (int offset = 1; offset < mail_.size(); ++offset) {
    const int from = mail_.peer(-offset);
    const std::size_t bytes = n * sizeof(Header);
    if (has_account(from)) in.push_back({from, &accounts_[from * n], bytes});
    if (differ_) out.push_back({mail_.peer(offset), headers_->data(), bytes});
  }
  return mail_.post_uncut(Channel::kAccounts, out, in);
}

/// The header that rank `by`, another one, says it received from rank `about`.
Header Echoes::claim(int by, int about) const {
  if (has_account(by)) return accounts_[static_cast<std::size_t>(by) * own_.size() + about];
  return from_rank((*headers_)[by], about);
}

/// An honest rank passes on what it has checked, and its own header as it sent it.
void Echoes::check_account(int rank) const {
  if (!same(claim(rank, rank), (*headers_)[rank])) {
    throw ProtocolError(rank, "an account with another header than its own");
  }
  for (int about = 0; about < mail_.size(); ++about) {
    const std::string fault = find_fault(claim(rank, about), about);
    if (!fault.empty()) throw ProtocolError(rank, concat("an account with ", fault));
  }
}

void Echoes::check() const {
  const int n = mail_.size();
  for (int rank = 0; rank < n; ++rank) {
    if (rank != mail_.rank() && has_account(rank)) check_account(rank);
  }
  std::vector<int> suspects;
  std::string what;
  for (int about = 0; about < n; ++about) {
    std::map<int, Header> claims{{mail_.rank(), (*headers_)[about]}};
    std::vector<int> involved{about};
    for (int by = 0; by < n; ++by) {
      if (by == about || by == mail_.rank()) continue;
      claims.emplace(by, claim(by, about));
      if (!same(claims.at(by), (*headers_)[about])) involved.push_back(by);
    }
    if (involved.size() == 1) continue;
    if (!suspects.empty() && suspects.size() <= involved.size()) continue;
    std::sort(involved.begin(), involved.end());
    suspects = std::move(involved);
    what = concat("rank ", about, " told others something else, or ", list_ranks(suspects),
                  " do not all say what it told them: ", describe_claims(claims));
  }
  if (!suspects.empty()) throw ContradictionError(std::move(suspects), what);
}

}  // namespace byzccl::collective
