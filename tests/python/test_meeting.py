# SPDX-License-Identifier: MIT
"""Ranks that meet: whoever keeps the others from it is named in time, and no key is left."""

import contextlib
import os
import resource
import signal
import threading
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

import byzccl
from ranks import run

SIGNALS = [signal.SIGKILL, signal.SIGSTOP]
SLACK = 8.0  # seconds past the timeout, for a busy machine


def fails_to_meet(seconds: float) -> byzccl.TransportError:
    """What the constructor raises, by about the timeout at the latest."""
    start = time.monotonic()
    with pytest.raises(byzccl.TransportError) as caught:
        byzccl.Communicator(timeout=timedelta(seconds=seconds))
    elapsed = time.monotonic() - start
    assert elapsed < seconds + SLACK, elapsed
    return caught.value


def reduces(rank: int, n: int, **options) -> None:
    x = torch.full((5,), float(rank))
    byzccl.Communicator(timeout=timedelta(seconds=20), **options).all_reduce(x, "mean").wait()
    assert torch.equal(x, torch.full((5,), (n - 1) / 2))


@contextlib.contextmanager
def few_descriptors(free: int):
    """This process may open `free` more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    probe = os.open("/dev/null", os.O_RDONLY)
    os.close(probe)
    taken = {int(name) for name in os.listdir("/proc/self/fd")} - {probe}
    limit = probe
    while free > 0:
        free -= limit not in taken
        limit += 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("lost", [0, 2])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_a_rank_that_is_lost_while_it_connects_is_named(number, lost):
    def body(rank):
        dist.barrier()
        if rank == lost:  # it has come, and waits for the others, who are late
            threading.Timer(0.3, os.kill, (os.getpid(), number)).start()
        else:
            time.sleep(0.8)
        error = fails_to_meet(2)
        assert error.suspects == (lost,), str(error)
        assert "did not meet all 4 ranks" in str(error)

    run(4, body, lost={lost}, tcp=lost != 0)


def port_of_the_store() -> int:
    store = c10d._get_process_group_store(dist.group.WORLD)
    while isinstance(store, dist.PrefixStore):
        store = store.underlying_store
    return store.port


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_where_the_store_is_lost_before_its_host_comes_its_address_is_named(number):
    """A store answers no question whose process it is in: who came first cannot know."""

    def body(rank):
        dist.barrier()
        if rank == 0:
            os.kill(os.getpid(), number)
        time.sleep(0.3)
        error = fails_to_meet(2)
        assert error.suspects == ()
        assert f"the store at 127.0.0.1:{port_of_the_store()}" in str(error)
        assert "whose process it is in is not known before all have come" in str(error)

    run(3, body, lost={0}, tcp=True)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_the_host_of_the_store_is_named_once_all_have_come(number):
    def body(rank):
        dist.barrier()
        if rank == 2:  # comes, and then connects to nobody
            prefix = f"byzccl/{dist.group.WORLD.group_name}/0"
            c10d._get_process_group_store(dist.group.WORLD).set(f"{prefix}/come/2", "cpu")
            return
        if rank == 0:
            threading.Timer(1, os.kill, (os.getpid(), number)).start()
        error = fails_to_meet(4)
        assert error.suspects == (0,), str(error)
        assert f"the store at 127.0.0.1:{port_of_the_store()}" in str(error)
        assert "rank 0 hosts it" in str(error)

    run(3, body, lost={0}, tcp=True)


@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "file"])
@pytest.mark.parametrize("short", [0, 3])
def test_a_rank_without_descriptors_says_so_to_all(short, tcp):
    def body(rank):
        dist.barrier()
        with few_descriptors(5) if rank == short else contextlib.nullcontext():
            start = time.monotonic()
            error = fails_to_meet(30)
            assert time.monotonic() - start < 15
        assert error.suspects == (short,)
        assert "takes 14 file descriptors, and this process may open 5 more" in str(error)

    run(8, body, tcp=tcp)


def test_as_many_descriptors_as_are_asked_for_are_enough():
    def body(rank):
        dist.barrier()
        with few_descriptors(14):
            reduces(rank, 8)

    run(8, body, tcp=True)


def test_a_rank_that_has_no_such_interface_is_named():
    def body(rank):
        if rank == 1:
            os.environ["GLOO_SOCKET_IFNAME"] = "nowhere9"
        error = fails_to_meet(20)
        assert error.suspects == (1,) and "nowhere9" in str(error)
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        reduces(rank, 3)

    run(3, body)


def test_bytes_on_the_store_are_data():
    def body(rank):
        if rank == 2:
            prefix = f"byzccl/{dist.group.WORLD.group_name}/0"
            store = c10d._get_process_group_store(dist.group.WORLD)
            store.set(f"{prefix}/come/2", b"\xff\xfe\x00")
            dist.barrier()
            return
        error = fails_to_meet(20)
        assert error.suspects == (2,) and str(error).isprintable()
        dist.barrier()

    run(3, body)


@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "file"])
def test_no_key_is_left_on_the_store(tcp):
    def body(rank):
        store = c10d._get_process_group_store(dist.group.WORLD)
        dist.barrier()
        before = store.num_keys()
        dist.barrier()
        for _ in range(3):
            reduces(rank, 3)
        dist.barrier()
        after = store.num_keys()
        dist.barrier()
        return before, after

    for before, after in run(3, body, tcp=tcp):
        assert after == before


@pytest.mark.parametrize("tcp", [True, False], ids=["tcp", "file"])
def test_lazy_connections_blame_nobody_else(tcp):
    """Rank 0, which hosts the store, dies before anybody has sent it anything."""

    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=5))
        dist.barrier()
        if rank == 0:
            time.sleep(0.2)
            os._exit(1)
        time.sleep(0.6)
        with pytest.raises(byzccl.TransportError) as caught:
            communicator.all_reduce(torch.ones(2), "median").wait()
        assert caught.value.suspects == (0,), str(caught.value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_GLOO_LAZY_INIT", "1")
        run(3, body, lost={0}, tcp=tcp)


def test_the_host_of_the_store_stays_until_the_others_have_read_who_is_lost():
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=2))
        communicator.all_reduce(torch.ones(2), "mean").wait()
        dist.barrier()
        if rank == 2:
            os._exit(1)
        if rank != 0:
            time.sleep(2)  # rank 0 has its verdict by then, and would be gone
        with pytest.raises(byzccl.TransportError) as caught:
            communicator.all_reduce(torch.ones(2), "mean").wait()
        assert caught.value.suspects == (2,), str(caught.value)
        if rank == 0:
            os._exit(0)  # nothing that runs at the end of a program runs

    run(4, body, lost={0, 2}, tcp=True)


def test_a_signal_ends_the_wait_and_the_others_are_told():
    def body(rank):
        def raise_it(number, frame):
            raise KeyboardInterrupt

        if rank == 2:
            time.sleep(2)  # comes too late to a meeting that rank 1 has left
            return fails_to_meet(30).suspects
        if rank == 0:
            error = fails_to_meet(30)
            assert "interrupted" in str(error)
            return error.suspects
        signal.signal(signal.SIGALRM, raise_it)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        start = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            byzccl.Communicator(timeout=timedelta(seconds=30))
        assert time.monotonic() - start < 10
        return (1,)

    assert run(3, body) == [(1,)] * 3
