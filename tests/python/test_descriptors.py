# SPDX-License-Identifier: MIT
"""What is collected gives its descriptors and threads back, though its group lives on."""

import contextlib
import gc
import os
import time

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import byzccl
from ranks import run


def held() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def settles_at(wanted: tuple[int, int]) -> bool:
    """Threads end shortly after they were told to."""
    deadline = time.monotonic() + 10
    while any(a > b for a, b in zip(held(), wanted, strict=True)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def communicator():
    byzccl.Communicator().all_reduce(torch.ones(3), "median").wait()


def closed_communicator():
    kept = byzccl.Communicator()
    kept.all_reduce(torch.ones(3), "median").wait()
    kept.close()
    assert settles_at(before[0])


def dropped_reduction():
    byzccl.Communicator().all_reduce(torch.ones(3), "median")


def dropped_exchange():
    byzccl.Communicator().begin("median").add(torch.ones(3))


def failed_communicator():
    failing = byzccl.Communicator()
    failing.abort("enough")
    with pytest.raises(byzccl.TransportError, match="enough"):
        failing.all_reduce(torch.ones(3), "median").wait()


def model(robust_buffers=False):
    ddp = DistributedDataParallel(
        torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    )
    byzccl.ddp.robustify(ddp, "median", robust_buffers=robust_buffers)
    for _ in range(3):
        ddp(torch.ones(4, 2)).sum().backward()
    return ddp


def model_with_robust_buffers():
    model(robust_buffers=True)


def all_reduce_and_forget():
    byzccl.all_reduce(torch.ones(3), "median")
    byzccl.functional.all_reduce(torch.ones(3), "median", timeout=7)
    byzccl.forget()


def group_that_is_destroyed():
    group = dist.new_group()
    byzccl.all_reduce(torch.ones(3), "median", group)
    dist.destroy_process_group(group)


before = [(0, 0)]  # of a rank
USES = [
    communicator,
    closed_communicator,
    dropped_reduction,
    dropped_exchange,
    failed_communicator,
    model,
    model_with_robust_buffers,
    all_reduce_and_forget,
    group_that_is_destroyed,
]


@pytest.mark.parametrize("use", USES)
def test_descriptors_come_back(use):
    def body(rank):
        communicator()  # what a process keeps for all of them
        before[0] = held()
        for _ in range(3):
            use()
            dist.barrier()
            assert settles_at(before[0]), f"{held()} after {before[0]}"

    run(3, body, tcp=True)


def sockets() -> int:
    """Those that this process holds open."""
    gc.collect()
    folder = "/proc/self/fd"
    count = 0
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):  # that of the listing is gone
            count += os.readlink(f"{folder}/{name}").startswith("socket:")
    return count


def settled_sockets() -> int:
    """Those that are open once nobody opens any more: a peer's may still be under way."""
    counts = [sockets()]
    while len(counts) < 10 or len(set(counts[-10:])) > 1:
        time.sleep(0.02)
        counts.append(sockets())
    return counts[-1]


@pytest.mark.parametrize("names", ["lo", "lo,lo", "lo,lo,lo"])
def test_a_failure_closes_the_connections_over_every_interface(names, monkeypatch):
    """Though the communicator lives on."""
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", names)
    interfaces = names.count(",") + 1

    def body(rank):
        kept = byzccl.Communicator(timeout=10)
        kept.all_reduce(torch.ones(3), "median").wait()
        dist.barrier()
        open_before = sockets()
        if rank == 1:
            kept.abort("enough")
        with pytest.raises(byzccl.TransportError, match="enough"):
            kept.all_reduce(torch.ones(3), "median").wait()
        deadline = time.monotonic() + 10
        while sockets() > open_before - 2 * interfaces and time.monotonic() < deadline:
            time.sleep(0.01)
        assert sockets() <= open_before - 2 * interfaces, f"{sockets()} after {open_before}"
        dist.barrier()

    run(3, body)


def test_all_reduce_keeps_them_for_its_next_call():
    """The test above can fail."""

    def body(rank):
        communicator()
        start = held()
        byzccl.all_reduce(torch.ones(3), "median")
        assert held()[0] > start[0] and held()[1] > start[1]
        byzccl.forget()
        assert settles_at(start)

    run(2, body)
