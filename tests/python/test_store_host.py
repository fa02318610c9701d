# SPDX-License-Identifier: MIT
"""Who is named when the store goes, and what becomes of a host of it that gives up."""

import os
import signal
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from ranks import run

N = 4
TIMEOUT = timedelta(seconds=6)
GONE = [signal.SIGKILL, signal.SIGSTOP]


def met(algorithm: str = "sharded", timeout: timedelta = TIMEOUT) -> byzccl.Communicator:
    communicator = byzccl.Communicator(None, algorithm, timeout, chunk_bytes=65_536)
    communicator.all_reduce(torch.ones(10), "mean").wait()
    dist.barrier()
    return communicator


def seconds_to_give_up(reason: str) -> float:
    """Meets the others, gives up, and closes: how long that took to let them read why."""
    communicator = met()
    communicator.abort(reason)
    start = time.monotonic()
    communicator.close()
    return time.monotonic() - start


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
@pytest.mark.parametrize("number", GONE, ids=lambda s: s.name)
def test_all_name_the_host_though_they_wait_for_each_other(number, algorithm):
    """Rank 3 looks late: it finds the connections of those closed that failed before it."""

    def body(rank):
        communicator = met(algorithm, TIMEOUT if number == signal.SIGKILL else timedelta(seconds=2))
        exchange = communicator.begin("krum(f=0)")
        exchange.add(torch.ones(200_000))
        if rank == 0:
            time.sleep(0.3)
            os.kill(os.getpid(), number)
        if rank == 3:
            time.sleep(0.6)
        exchange.add(torch.ones(1000))
        pending = exchange.finish()
        with pytest.raises(byzccl.TransportError) as caught:
            pending.wait()
        return caught.value.suspects, str(caught.value)

    results = run(N, body, lost={0}, tcp=True, limit=40)
    assert [suspects for suspects, _ in results[1:]] == [(0,)] * 3, results
    if number == signal.SIGKILL:
        assert all("rank 0" in message for _, message in results[1:])


def test_an_abort_of_the_host_is_heard_before_it_ends():
    def body(rank):
        if rank == 0:
            assert seconds_to_give_up("the disk is full") < 8
            os._exit(0)  # the store goes with it
        communicator = met()
        time.sleep(1.0)  # nobody has looked yet
        with pytest.raises(
            byzccl.TransportError, match="rank 0 gave up: the disk is full"
        ) as caught:
            communicator.all_reduce(torch.ones(100_000), "krum(f=0)").wait()
        return caught.value.suspects

    assert run(N, body, lost={0}, tcp=True)[1:] == [(0,)] * 3


def test_a_host_that_gives_up_does_not_wait_for_ranks_that_never_look():
    def body(rank):
        if rank == 0:
            assert 3 < seconds_to_give_up("enough") < 15
        else:
            communicator = met()
            time.sleep(7)
            communicator.close()

    run(2, body, tcp=True)


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_a_rank_that_is_stopped_before_the_call_is_named_with_one_that_is_killed(algorithm):
    """And one that lives, but is at something else, is not."""
    stopped, killed, busy = 1, 3, 4

    def body(rank):
        communicator = met(algorithm, timedelta(seconds=9))
        if rank == stopped:
            os.kill(os.getpid(), signal.SIGSTOP)
        if rank == killed:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        if rank == busy:
            time.sleep(5)
        with pytest.raises(byzccl.TransportError) as caught:
            communicator.all_reduce(torch.ones(100_000), "mda(f=1)").wait()
        return caught.value.suspects

    results = run(6, body, lost={stopped, killed}, limit=40)
    assert [results[rank] for rank in (0, 2, busy, 5)] == [(stopped, killed)] * 4
