// SPDX-License-Identifier: MIT
#include "csrc/node/inbox.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace byzccl::node {

Inbox::Inbox(int rank, int size, const Shape& shape)
    : rank_(rank),
      size_(size),
      shape_(shape),
      lanes_(static_cast<std::size_t>(size) * shape.kinds),
      accounts_(static_cast<std::size_t>(size)) {}

void Inbox::check(const Quorum& quorum) const {
  BYZCCL_CHECK(quorum.kind >= 0 && quorum.kind < shape_.kinds, "kinds are 0 to ", shape_.kinds - 1,
               ", got ", quorum.kind);
  BYZCCL_CHECK(quorum.step >= 0, "step must not be negative, got ", quorum.step);
  std::vector<int> ranks = quorum.sources;
  std::sort(ranks.begin(), ranks.end());
  for (std::size_t at = 0; at < ranks.size(); ++at) {
    BYZCCL_CHECK(ranks[at] >= 0 && ranks[at] < size_, "sources are ranks 0 to ", size_ - 1,
                 ", got ", ranks[at]);
    BYZCCL_CHECK(at == 0 || ranks[at] != ranks[at - 1], "rank ", ranks[at],
                 " is among the sources twice");
    BYZCCL_CHECK(ranks[at] != rank_ || quorum.own, "rank ", rank_,
                 " is among its own sources, and its own vector is not given");
  }
  BYZCCL_CHECK(!quorum.own || *quorum.own != nullptr || shape_.count == 0, "own is null");
  const auto most = static_cast<int>(sources(quorum).size()) + (quorum.own ? 1 : 0);
  BYZCCL_CHECK(quorum.q >= 1 && quorum.q <= most, "q must be 1 to ", most,
               ", the ranks that count, got ", quorum.q);
}

Fate Inbox::announce(int from, int kind, std::int64_t step) {
  Lane& lane = this->lane(from, kind);
  if (lane.held == shape_.kept) return Fate::kNoRoom;
  ++lane.held;
  if (step <= lane.newest) return Fate::kReplayed;
  lane.newest = step;
  return step <= lane.floor ? Fate::kLate : Fate::kKeep;
}

void Inbox::arrive(int from, int kind, std::int64_t step, Fate fate, Vector vector) {
  Lane& lane = this->lane(from, kind);
  PeerAccount& account = accounts_[from];
  if (fate == Fate::kReplayed) {
    ++account.replayed;
  } else if (step <= lane.floor) {  // also if that rose while the vector was on its way
    ++account.late;
    --lane.held;
    ++lane.freed;
  } else {
    lane.letters.push_back({step, tickets_++, std::move(vector)});
  }
}

void Inbox::lose(int from, const std::string& why) {
  PeerAccount& account = accounts_[from];
  if (account.gone) return;
  account.gone = true;
  account.why = why;
}

std::vector<int> Inbox::sources(const Quorum& quorum) const {
  std::vector<int> ranks = quorum.sources;
  if (ranks.empty()) {
    for (int rank = 0; rank < size_; ++rank) ranks.push_back(rank);
  }
  std::erase(ranks, rank_);
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

const Inbox::Letter* Inbox::find(int from, const Quorum& quorum) const {
  const auto& letters = lane(from, quorum.kind).letters;
  const auto letter = std::find_if(letters.begin(), letters.end(), [&](const Letter& candidate) {
    return candidate.step == quorum.step;
  });
  return letter == letters.end() ? nullptr : &*letter;
}

Inbox::Standing Inbox::standing(int from, const Quorum& quorum) const {
  if (find(from, quorum) != nullptr) return Standing::kHere;
  const Lane& lane = this->lane(from, quorum.kind);
  // Messages of a kind come in the order of their steps. What is on its way is the newest.
  if (lane.newest > quorum.step || lane.floor >= quorum.step) return Standing::kPassed;
  return accounts_[from].gone ? Standing::kGone : Standing::kMissing;
}

bool Inbox::has(const Quorum& quorum) const {
  int here = 0;
  for (const int from : sources(quorum)) here += find(from, quorum) != nullptr ? 1 : 0;
  return here >= needed(quorum);
}

bool Inbox::can_come(const Quorum& quorum) const {
  int possible = 0;
  for (const int from : sources(quorum)) {
    const Standing state = standing(from, quorum);
    possible += state == Standing::kHere || state == Standing::kMissing ? 1 : 0;
  }
  return possible >= needed(quorum) && !has_gone_on(quorum);
}

bool Inbox::has_gone_on(const Quorum& quorum) const {
  int ahead = 0;
  for (const int from : sources(quorum)) {
    ahead += lane(from, quorum.kind).newest > quorum.step ? 1 : 0;
  }
  return needed(quorum) > 0 && ahead >= needed(quorum);
}

std::optional<Collected> Inbox::take(const Quorum& quorum) {
  struct Here {
    int rank;
    Letter* letter;
  };
  const std::vector<int> asked = sources(quorum);
  std::vector<Here> here;
  for (const int from : asked) {
    if (Letter* const letter = find(from, quorum)) here.push_back({from, letter});
  }
  const auto wanted = static_cast<std::size_t>(needed(quorum));
  if (here.size() < wanted) return std::nullopt;
  std::sort(here.begin(), here.end(),
            [](const Here& a, const Here& b) { return a.letter->ticket < b.letter->ticket; });
  here.resize(wanted);
  std::sort(here.begin(), here.end(), [](const Here& a, const Here& b) { return a.rank < b.rank; });

  Collected collected;
  for (const Here& one : here) {
    collected.ranks.push_back(one.rank);
    collected.rows.push_back(one.letter->vector.get());
    collected.owners.push_back(std::move(one.letter->vector));
  }
  if (quorum.own) {
    const auto place = std::lower_bound(collected.ranks.begin(), collected.ranks.end(), rank_) -
                       collected.ranks.begin();
    collected.ranks.insert(collected.ranks.begin() + place, rank_);
    collected.rows.insert(collected.rows.begin() + place, *quorum.own);
  }
  for (const int from : asked) raise_floor(from, quorum.kind, quorum.step);
  return collected;
}

void Inbox::begin(const Quorum& quorum) {
  for (const int from : sources(quorum)) raise_floor(from, quorum.kind, quorum.step - 1);
}

void Inbox::raise_floor(int from, int kind, std::int64_t step) {
  Lane& lane = this->lane(from, kind);
  lane.floor = std::max(lane.floor, step);
  while (!lane.letters.empty() && lane.letters.front().step <= lane.floor) {
    if (lane.letters.front().vector) ++accounts_[from].late;
    lane.letters.pop_front();
    --lane.held;
    ++lane.freed;
  }
}

std::int64_t Inbox::next_step(const Quorum& quorum) const {
  std::vector<std::int64_t> steps;
  for (const int from : sources(quorum)) steps.push_back(lane(from, quorum.kind).newest);
  std::sort(steps.begin(), steps.end(), std::greater<>());
  const int needed = Inbox::needed(quorum);
  const std::int64_t reached = needed == 0 ? -1 : steps[static_cast<std::size_t>(needed - 1)];
  return std::max(reached, quorum.step + 1);
}

std::string Inbox::describe(int from, const Quorum& quorum) const {
  const PeerAccount& account = accounts_[from];
  const Lane& lane = this->lane(from, quorum.kind);
  std::string text = concat("rank ", from, " (");
  if (account.gone) text += account.why + ", ";
  text += lane.newest < 0 ? "nothing of the kind has come" : concat("newest step ", lane.newest);
  if (account.late > 0) text += concat(", ", account.late, " late");
  if (account.replayed > 0) text += concat(", ", account.replayed, " replayed");
  return text + ")";
}

QuorumError Inbox::failure(const Quorum& quorum, bool timed_out) const {
  QuorumError::Ranks ranks;
  std::string lists[3];
  int here = 0;
  const auto add = [&](std::vector<int>& to, std::string& text, const char* name, int from) {
    text += concat(to.empty() ? concat("; ", name, ": ") : ", ", describe(from, quorum));
    to.push_back(from);
  };
  for (const int from : sources(quorum)) {
    switch (standing(from, quorum)) {
      case Standing::kHere:
        ++here;
        break;
      case Standing::kMissing:
        add(ranks.missing, lists[0], "missing", from);
        break;
      case Standing::kPassed:
        add(ranks.passed, lists[1], "passed", from);
        break;
      case Standing::kGone:
        add(ranks.gone, lists[2], "gone", from);
        break;
    }
  }
  const std::int64_t step = next_step(quorum);
  std::string_view why = "can no longer come";
  if (timed_out) {
    why = "did not come in time";
  } else if (has_gone_on(quorum)) {
    why = "did not come before as many ranks had gone on to later steps";
  }
  const std::string text = concat("step ", quorum.step, " of kind ", quorum.kind, ": ",
                                  needed(quorum), " vectors of other ranks ", why, ", ", here,
                                  " are here", lists[0], lists[1], lists[2]);
  return QuorumError(text, std::move(ranks), step, timed_out);
}

}  // namespace byzccl::node
