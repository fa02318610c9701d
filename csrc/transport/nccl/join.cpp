// SPDX-License-Identifier: MIT
// How ranks come to a common NCCL communicator.

#include <algorithm>
#include <byzccl/nccl.hpp>
#include <cstring>
#include <functional>
#include <vector>

#include "csrc/transport/nccl/nccl_transport.hpp"
#include "csrc/transport/nccl/staged_control.hpp"

namespace byzccl {
namespace {

using nccl::Comm;
using nccl::Link;
using std::chrono::milliseconds;

static_assert(sizeof(UniqueId) == sizeof(ncclUniqueId));

ncclUniqueId to_nccl(const UniqueId& id) {
  ncclUniqueId result;
  std::memcpy(&result, id.data(), id.size());
  return result;
}

/// Every rank tells every other that it is there, and rank 0 its id. NCCL itself would not say who
/// is missing. @throws PeerError that names the rank
UniqueId greet(Transport& control, const UniqueId& own, Deadline deadline) {
  const int size = control.size();
  std::vector<UniqueId> ids(static_cast<std::size_t>(size), own);
  std::vector<std::unique_ptr<Work>> works;
  control.start_batch();
  for (int peer = 0; peer < size; ++peer) {
    if (peer == control.rank()) continue;
    works.push_back(control.recv(peer, ids[peer].data(), sizeof(UniqueId)));
    works.push_back(control.send(peer, own.data(), sizeof(UniqueId)));
  }
  control.end_batch();
  try {
    for (const auto& work : works) work->wait(deadline);
  } catch (...) {
    control.abort();  // before the buffers go
    throw;
  }
  return ids[0];
}

/// How long whoever gives up waits for the device to let go.
constexpr milliseconds kMostPatience{10'000};

std::shared_ptr<Link> make_link(milliseconds timeout) {
  auto link = std::make_shared<Link>();
  link->streams = std::make_shared<cuda::StreamPair>();
  link->ending = std::make_shared<nccl::Ending>(link->streams, std::min(timeout, kMostPatience));
  link->timeout = timeout;
  return link;
}

using Join = std::function<std::shared_ptr<Transport>(Deadline)>;

/// What `join` makes. If it fails, the others must hear of it now, not after their timeout.
std::shared_ptr<Transport> join_over(Transport& control, milliseconds timeout, const Join& join) {
  try {
    return join(Clock::now() + timeout);
  } catch (const PeerError& error) {
    control.abort();
    std::vector<int> suspects;
    if (error.peer() != PeerError::kAny) suspects.push_back(error.peer());
    throw TransportError(concat("no NCCL group of ", control.size(), " ranks: ", error.what()),
                         suspects);
  } catch (...) {
    control.abort();
    throw;
  }
}

/// The device of a communicator whose ranks are those of `control`.
int device_of(ncclComm_t comm, const Transport& control) {
  int rank = 0;
  int size = 0;
  int device = 0;
  nccl::check(ncclCommUserRank(comm, &rank), "ncclCommUserRank", comm);
  nccl::check(ncclCommCount(comm, &size), "ncclCommCount", comm);
  nccl::check(ncclCommCuDevice(comm, &device), "ncclCommCuDevice", comm);
  BYZCCL_CHECK(rank == control.rank() && size == control.size(), "rank ", control.rank(), " of ",
               control.size(), " is rank ", rank, " of ", size, " in the communicator");
  return device;
}

}  // namespace

UniqueId unique_id() {
  ncclUniqueId made;
  nccl::check(ncclGetUniqueId(&made), "ncclGetUniqueId");
  UniqueId id;
  std::memcpy(id.data(), &made, id.size());
  return id;
}

std::shared_ptr<Transport> nccl_transport(std::shared_ptr<Transport> control,
                                          milliseconds timeout) {
  BYZCCL_CHECK(control != nullptr, "an NCCL transport needs a transport for its headers");
  return join_over(*control, timeout, [&](Deadline deadline) {
    const std::shared_ptr<Link> link = make_link(timeout);
    const UniqueId own = control->rank() == 0 ? unique_id() : UniqueId{};
    const UniqueId id = greet(*control, own, deadline);
    link->comm = std::make_unique<Comm>(to_nccl(id), control->rank(), control->size(), link->ending,
                                        deadline);
    return nccl::make_transport(link, control);
  });
}

std::shared_ptr<Transport> nccl_transport(ncclComm* comm, std::shared_ptr<Transport> control,
                                          milliseconds timeout) {
  BYZCCL_CHECK(control != nullptr, "an NCCL transport needs a transport for its headers");
  BYZCCL_CHECK(comm != nullptr, "there is no communicator to split");
  return join_over(*control, timeout, [&](Deadline deadline) {
    const cuda::DeviceScope scope(device_of(comm, *control));
    const std::shared_ptr<Link> link = make_link(timeout);
    greet(*control, {}, deadline);
    link->comm = std::make_unique<Comm>(comm, control->rank(), link->ending, deadline);
    return nccl::make_transport(link, control);
  });
}

std::shared_ptr<Transport> nccl_transport(const UniqueId& id, int rank, int size,
                                          milliseconds timeout) {
  BYZCCL_CHECK(size >= 1 && rank >= 0 && rank < size, "no rank ", rank, " of ", size);
  const std::shared_ptr<Link> link = make_link(timeout);
  try {
    link->comm =
        std::make_unique<Comm>(to_nccl(id), rank, size, link->ending, Clock::now() + timeout);
  } catch (const PeerError& error) {
    throw TransportError(concat("no NCCL group of ", size, " ranks: ", error.what()));
  }
  return nccl::make_transport(link, nccl::staged_control(link, rank, size));
}

}  // namespace byzccl
