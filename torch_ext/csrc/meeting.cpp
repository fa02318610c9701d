// SPDX-License-Identifier: MIT
// How the ranks of a communicator or a node find each other: all come, all connect, all have met,
// all leave.

#include "meeting.hpp"

#include <algorithm>
#include <byzccl/meeting_failure.hpp>
#include <charconv>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "backoff.hpp"
#include "connecting.hpp"
#include "descriptors.hpp"
#include "gloo_backend.hpp"
#include "message_of.hpp"
#include "seat.hpp"
#include "store_board.hpp"
#include "store_host.hpp"

namespace byzccl::torch {
namespace {

using std::chrono::milliseconds;
using Kind = MeetingFailure::Kind;

/// What a rank has done; the name of its key.
constexpr std::string_view kCome = "come";
constexpr std::string_view kMet = "met";
constexpr std::string_view kLeft = "left";
/// The rank that hosts the store, if one does.
const std::string kHost = "host";

/// What keeps this rank from coming lies with itself.
class LocalError : public Error {
 public:
  using Error::Error;
};

std::string key(std::string_view stage, int rank) { return concat(stage, "/", rank); }

std::string listed(const std::vector<int>& ranks) {
  std::string text;
  for (const int rank : ranks) text += concat(text.empty() ? "" : ", ", rank);
  return text;
}

bool is_device_name(const std::string& text) {
  return !text.empty() && text.size() < 32 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

class Meeting {
 public:
  explicit Meeting(const Party& party)
      : party_(party),
        board_(std::make_shared<StoreBoard>(party.store, std::min(party.timeout, kLongestOfGloo))),
        seat_(board_, party.rank, party.size) {}

  Met hold() {
    check_descriptors();
    tell_host();
    board_->put(key(kCome, party_.rank), party_.device);
    await(kCome, "each must create the " + party_.what);
    host_ = store_host();
    check_devices();
    auto backend = connect();
    board_->put(key(kMet, party_.rank), "");
    await(kMet, "the others have connected");
    leave_nothing();
    return {std::move(backend), host_};
  }

  ~Meeting() {
    if (connecting_) connecting_->give_up();
  }
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  /// The other ranks learn what keeps this one from coming, and all name it.
  [[noreturn]] void give_up(const std::string& why) {
    fail({Kind::kGaveUp, party_.rank, why}, headline());
  }

  /// The store has failed: this rank can tell nobody, but it may know whose process that is.
  [[noreturn]] void lose_store(const std::string& why) const {
    const bool known = host_ >= 0 && host_ != party_.rank;
    const std::string whose = known ? concat("rank ", host_, " hosts it")
                                    : "whose process it is in is not known before all have come";
    throw TransportError(concat(headline(), ", because ", why, "; ", whose),
                         known ? std::vector<int>{host_} : std::vector<int>{});
  }

  /// The other ranks learn that this one has gone.
  void leave() noexcept { announce_failure(seat_, "it was interrupted while the ranks met"); }

 private:
  std::vector<std::string> keys(std::string_view stage) const {
    std::vector<std::string> all;
    for (int rank = 0; rank < party_.size; ++rank) all.push_back(key(stage, rank));
    return all;
  }

  std::vector<int> missing(std::string_view stage) {
    std::vector<int> ranks;
    for (int rank = 0; rank < party_.size; ++rank) {
      if (!board_->has({key(stage, rank)})) ranks.push_back(rank);
    }
    return ranks;
  }

  void check_descriptors() {
    const std::size_t devices = std::max<std::size_t>(1, gloo_interfaces().size());
    const std::size_t needed = descriptors_needed(party_.size, devices);
    const std::optional<DescriptorRoom> room = descriptor_room();
    if (!room || room->free >= needed) return;
    throw LocalError(concat("a ", party_.what, " of ", party_.size, " ranks takes ", needed,
                            " file descriptors, and this process may open ", room->free,
                            " more: its limit (ulimit -n) is ", room->limit));
  }

  /// Once in a while: has this process been interrupted, has another rank failed?
  void look_around() {
    if (party_.interrupt) party_.interrupt();
    if (board_->has({kFailing})) did_not_meet("another rank gave up before");
  }

  void await(std::string_view stage, std::string_view remark) {
    const Deadline end = deadline_after(party_.timeout);
    const std::vector<std::string> wanted = keys(stage);
    Backoff pause;
    while (!board_->has(wanted)) {
      look_around();
      if (Clock::now() >= end) did_not_meet(remark);
      pause.sleep();
    }
  }

  std::string headline() const {
    return concat("rank ", party_.rank, " did not meet all ", party_.size, " ranks of the group");
  }

  /// How far each rank got.
  std::string progress() {
    const std::vector<int> absent = missing(kCome);
    if (!absent.empty()) return "of these have not come: " + listed(absent);
    return "all have come, and of these it is not known that they have connected: " +
           listed(missing(kMet));
  }

  [[noreturn]] void did_not_meet(std::string_view remark) {
    fail({}, concat(headline(), "; ", progress(), "; ", remark));
  }

  void check_devices() {
    std::map<std::string, std::vector<int>> ranks_by_device;
    for (int rank = 0; rank < party_.size; ++rank) {
      const std::string device = board_->get(key(kCome, rank)).value_or("");
      if (!is_device_name(device)) {
        fail({Kind::kBrokeProtocol, rank, "it names no device that its tensors are on"},
             headline());
      }
      ranks_by_device[device].push_back(rank);
    }
    if (ranks_by_device.size() == 1) return;
    std::string said;
    for (const auto& [device, ranks] : ranks_by_device) {
      said += concat(said.empty() ? "" : "; ", device, " on [", listed(ranks), "]");
    }
    leave_nothing();
    stay({});
    throw MismatchError("ranks reduce tensors of different devices: " + said);
  }

  c10::intrusive_ptr<c10d::Backend> connect() {
    const Deadline end = deadline_after(party_.timeout);
    connecting_ = std::make_shared<Connecting>(board_, party_.rank, party_.size,
                                               std::min(party_.timeout, kLongestOfGloo));
    connecting_->start();
    Backoff pause;
    milliseconds spent{0};
    while (!connecting_->done_by(pause_end(end, pause, spent))) {
      if (spent < kQuick) continue;
      look_around();
      if (Clock::now() < end) continue;
      if (connecting_->has_device()) did_not_meet("Gloo still connects");
      give_up(
          "Gloo still looks up the address of its machine's name; GLOO_SOCKET_IFNAME names an "
          "interface that needs no such look-up");
    }
    switch (connecting_->outcome()) {
      case Connecting::Outcome::kConnected:
        break;
      case Connecting::Outcome::kNoDevice:
        give_up(connecting_->message());
      case Connecting::Outcome::kNotConnected:
        did_not_meet(connecting_->message());
    }
    return connecting_->take();
  }

  static Deadline pause_end(Deadline end, Backoff& pause, milliseconds& spent) {
    const milliseconds next = pause.next();
    spent += next;
    return std::min(end, Clock::now() + next);
  }

  [[noreturn]] void fail(const MeetingFailure& seen, const std::string& context) {
    board_->has({kFailing});  // throws if the store is out of reach, and nothing can be agreed on
    const TransportError verdict =
        agree_on_failure(seat_, seen, std::min(party_.timeout, kLongestOfGloo), context);
    board_->put(key(kLeft, party_.rank), "");
    stay(verdict.suspects());
    throw TransportError(verdict);
  }

  /// All have met, or have seen that they cannot: who is the last to say so removes all keys.
  void leave_nothing() {
    if (connecting_) board_->remove(connecting_->written());
    board_->put(key(kLeft, party_.rank), "");
    if (!board_->has(keys(kLeft))) return;
    for (const std::string_view stage : {kCome, kMet, kLeft}) board_->remove(keys(stage));
    board_->remove({kHost});
  }

  /// Before this rank has come: then all know when all have.
  void tell_host() {
    if (!hosts(*party_.store)) return;
    const std::string mine = std::to_string(party_.rank);
    // A process that was forked from the host holds its socket, and takes itself for it.
    if (board_->put_first(kHost, mine) != mine) board_->put(kHost, "several");
  }

  int store_host() {
    const std::string text = board_->get(kHost).value_or("");
    int rank = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rank);
    const bool known = error == std::errc() && end == text.data() + text.size();
    return known && rank >= 0 && rank < party_.size ? rank : -1;
  }

  /// If the store ends with this process: until all but the suspects have read what it holds.
  void stay(const std::vector<int>& suspects) {
    std::vector<std::string> awaited;
    for (int rank = 0; rank < party_.size; ++rank) {
      if (std::find(suspects.begin(), suspects.end(), rank) == suspects.end()) {
        awaited.push_back(key(kLeft, rank));
      }
    }
    stay_for_readers(*party_.store, *board_, awaited, key(kLeft, party_.rank));
  }

  /// Gloo counts a timeout in nanoseconds, from now on.
  static constexpr milliseconds kLongestOfGloo = std::chrono::hours(24 * 365);
  /// Connecting takes less as a rule, and is not worth a question to the store until then.
  static constexpr milliseconds kQuick{100};

  const Party& party_;
  std::shared_ptr<StoreBoard> board_;
  Seat seat_;
  std::shared_ptr<Connecting> connecting_;
  int host_ = -1;  ///< the rank that hosts the store, once all have come; -1: none that is known
};

}  // namespace

Met meet(const Party& party) {
  Meeting meeting(party);
  try {
    try {
      return meeting.hold();
    } catch (const LocalError& error) {
      meeting.give_up(error.what());
    } catch (const std::system_error& error) {  // no thread, no memory
      meeting.give_up(message_of(error));
    }
  } catch (const TransportError&) {
    throw;
  } catch (const MismatchError&) {
    throw;
  } catch (const Error& error) {  // of the store
    meeting.lose_store(error.what());
  } catch (...) {  // of the interrupt
    meeting.leave();
    throw;
  }
}

}  // namespace byzccl::torch
