# SPDX-License-Identifier: MIT
"""A rank that dies or falls silent: the others name it in time, and a new group works."""

import os
import signal
import time
from datetime import timedelta

import pytest
import torch

import byzccl
from ranks import free_port, join_world, run

N = 4
# A killed rank is noticed at once, whatever the timeout; a stopped one only by the timeout.
TIMEOUT = {signal.SIGKILL: timedelta(seconds=6), signal.SIGSTOP: timedelta(seconds=2)}
GRACE = 7.0  # seconds past the timeout: a stopped host of the store costs 5
SIGNALS = [signal.SIGKILL, signal.SIGSTOP]
MOMENTS = ["before", "between adds", "before finish", "under way"]


def act(communicator, moment: str, rule: str, stop) -> None:
    """One exchange of two tensors; calls stop() at the given moment."""
    tensors = [torch.ones(200_000), torch.ones(1000)]
    if moment == "before":
        stop()
    exchange = communicator.begin(rule)
    exchange.add(tensors[0])
    if moment == "between adds":
        stop()
    exchange.add(tensors[1])
    if moment == "before finish":
        time.sleep(0.2)  # lets the adds go through
        stop()
    pending = exchange.finish()
    if moment == "under way":
        stop()
    pending.wait()


def names_the_lost_rank(lost: int, tcp: bool, algorithm: str, moment: str, number: int, rejoin):
    def body(rank):
        communicator = byzccl.Communicator(None, algorithm, TIMEOUT[number], chunk_bytes=65_536)
        x = torch.full((10,), float(rank))
        communicator.all_reduce(x, "mean").wait()
        start = time.monotonic()

        def stop():
            if rank == lost:
                os.kill(os.getpid(), number)

        with pytest.raises(byzccl.TransportError) as caught:
            act(communicator, moment, "krum(f=0)", stop)
        elapsed = time.monotonic() - start
        # Without the store each rank says what it saw itself, and that may be a victim.
        if not tcp:
            assert caught.value.suspects == (lost,), str(caught.value)
        assert all(f"rank {rank}" in str(caught.value) for rank in caught.value.suspects)
        late = 0.0 if number == signal.SIGKILL else GRACE
        assert elapsed < TIMEOUT[number].total_seconds() + late, elapsed
        with pytest.raises(byzccl.TransportError):
            communicator.all_reduce(x, "mean").wait()
        del communicator
        if rejoin:
            rejoin(rank)
        return caught.value.suspects

    named = run(N, body, lost={lost}, tcp=tcp, limit=25)
    assert (lost,) in named, named


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_dead_rank_is_named(algorithm, moment):
    names_the_lost_rank(2, False, algorithm, moment, signal.SIGKILL, None)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_stopped_rank_is_named(algorithm, moment):
    names_the_lost_rank(2, False, algorithm, moment, signal.SIGSTOP, None)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_lost_rank_that_hosts_the_store_is_named(number):
    names_the_lost_rank(0, True, "sharded", "between adds", number, None)


@pytest.mark.parametrize("number", SIGNALS, ids=lambda s: s.name)
def test_survivors_go_on_in_a_new_group(number, tmp_path):
    port = free_port()

    def rejoin(rank):
        torch.distributed.destroy_process_group()
        survivor = [0, 1, 3].index(rank)
        join_world(survivor, N - 1, f"tcp://127.0.0.1:{port}")
        x = torch.full((10,), float(rank))
        byzccl.all_reduce(x, "median")
        assert torch.equal(x, torch.full((10,), 1.0))

    names_the_lost_rank(2, False, "sharded", "between adds", number, rejoin)


def test_abort_carries_its_reason():
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=10))
        if rank == 0:
            communicator.abort("the disk is full")
            return
        start = time.monotonic()
        with pytest.raises(byzccl.TransportError):
            communicator.all_reduce(torch.ones(10), "mean").wait()
        assert time.monotonic() - start < 5

    run(3, body)


def test_dropping_an_exchange_that_is_under_way():
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        communicator.all_reduce(torch.ones(1), "mean").wait()  # all have met
        exchange = communicator.begin("median")
        if rank != 0:
            exchange.add(torch.ones(100_000))
        start = time.monotonic()
        communicator.close()
        del exchange
        assert time.monotonic() - start < 5

    run(3, body)
