// SPDX-License-Identifier: MIT
// NCCL as a transport: vectors lie in the memory of CUDA devices, one device for each rank. In the
// library byzccl_cuda, where that was built with NCCL.
//
// Among ranks that are threads of one process, on several devices, NCCL reads and writes vectors in
// place. The library opens its own memory to the devices that can reach it. A caller whose vectors
// come from cudaMallocAsync() opens that pool too (cudaMemPoolSetAccess), or sets
// NCCL_P2P_DIRECT_DISABLE=1 in the environment; memory of cudaMalloc() needs neither.

#pragma once

#include <array>
#include <byzccl/transport.hpp>
#include <chrono>
#include <cstddef>
#include <memory>

struct ncclComm;

namespace byzccl {

/// How long a rank waits for the others where NCCL connects: when the group is made, and when two
/// ranks exchange their first message.
inline constexpr std::chrono::milliseconds kNcclTimeout{300'000};

/// An NCCL communicator of its own over the ranks of `control`, on the calling thread's current
/// device. All ranks call it. `control` carries headers and the board, in host memory, and belongs
/// to the new transport from then on; NCCL's unique id travels over it. A rank that does not come
/// is named.
/// @throws TransportError, NcclError, CudaError; `control` is aborted then
std::shared_ptr<Transport> nccl_transport(std::shared_ptr<Transport> control,
                                          std::chrono::milliseconds timeout = kNcclTimeout);

/// The same, split from a communicator of the same ranks in the same order, on its device. `comm`
/// must be idle until this returns; afterwards it is not used any more. If it is a blocking one
/// (NCCL's default), NCCL itself waits for all ranks here, and `timeout` does not end that.
/// @throws InvalidArgument too, if the ranks are others
std::shared_ptr<Transport> nccl_transport(ncclComm* comm, std::shared_ptr<Transport> control,
                                          std::chrono::milliseconds timeout = kNcclTimeout);

using UniqueId = std::array<std::byte, 128>;

/// For one group: one rank makes it, and the caller brings it to the others. @throws NcclError
UniqueId unique_id();

/// A group of `size` ranks that know nothing of each other but the id. Headers travel over NCCL as
/// well, and there is no board: a rank that falls silent stops the others after their timeout, but
/// with more than two ranks they cannot tell which one it was.
/// @throws InvalidArgument, TransportError, NcclError, CudaError
std::shared_ptr<Transport> nccl_transport(const UniqueId& id, int rank, int size,
                                          std::chrono::milliseconds timeout = kNcclTimeout);

}  // namespace byzccl
