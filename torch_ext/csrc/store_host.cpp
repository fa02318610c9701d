// SPDX-License-Identifier: MIT
// Where a store lives.

#include "store_host.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "backoff.hpp"
#include "store_address.hpp"

namespace byzccl::torch {
namespace {

/// For how long who hosts the store stays.
constexpr std::chrono::milliseconds kLongest{5000};

/// The port that a socket accepts connections at; 0: it is no such socket.
int listening_port(int descriptor) {
  int listens = 0;
  socklen_t size = sizeof(listens);
  if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || listens == 0) {
    return 0;
  }
  sockaddr_storage address{};
  size = sizeof(address);
  if (getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  }
  if (address.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  }
  return 0;
}

}  // namespace

// A TCPStore does not say whether it is the server.
bool hosts(c10d::Store& store) {
  const auto* const tcp = dynamic_cast<const c10d::TCPStore*>(&bare_store(store));
  if (tcp == nullptr) return false;
  std::error_code error;
  std::filesystem::directory_iterator open("/proc/self/fd", error);
  for (const std::filesystem::directory_iterator end; !error && open != end;
       open.increment(error)) {
    const std::string name = open->path().filename();
    int descriptor = -1;
    std::from_chars(name.data(), name.data() + name.size(), descriptor);
    if (descriptor >= 0 && listening_port(descriptor) == tcp->getPort()) return true;
  }
  return false;
}

void stay_for_readers(c10d::Store& store, StoreBoard& board, const std::vector<std::string>& keys,
                      const std::string& own) {
  if (!hosts(store)) return;
  const Deadline end = deadline_after(kLongest);
  Backoff pause;
  while (Clock::now() < end && !board.has(keys) && board.has({own})) pause.sleep();
}

}  // namespace byzccl::torch
