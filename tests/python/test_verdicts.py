# SPDX-License-Identifier: MIT
"""Several ranks lost at once, and what may stand on the board: all survivors name all of them."""

import os
import signal
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from ranks import run

TIMEOUT = timedelta(seconds=3)


def reduce_two(communicator: byzccl.Communicator, between) -> None:
    exchange = communicator.begin("mda(f=1)")
    exchange.add(torch.ones(400_000))
    time.sleep(0.1)
    between()
    exchange.add(torch.ones(1000))
    exchange.finish().wait()


def names_all(n: int, lost: tuple[int, ...], algorithm: str, moment: str, number: int) -> None:
    def body(rank):
        communicator = byzccl.Communicator(None, algorithm, TIMEOUT)
        communicator.all_reduce(torch.ones(10), "mean").wait()
        dist.barrier()

        def stop():
            if rank in lost:
                os.kill(os.getpid(), number)

        if moment == "before":
            stop()
        with pytest.raises(byzccl.TransportError) as caught:
            reduce_two(communicator, stop if moment == "mid" else lambda: None)
        assert caught.value.suspects == lost, str(caught.value)
        for rank in lost:
            assert f"rank {rank} " in str(caught.value)
        return str(caught.value)

    messages = run(n, body, lost=lost, limit=40)
    assert len({message for message in messages if message}) == 1, messages


@pytest.mark.parametrize("moment", ["before", "mid"])
@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda s: s.name)
def test_two_neighbours_lost_at_once_are_both_named(number, algorithm, moment):
    names_all(6, (2, 3), algorithm, moment, number)


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_two_that_are_no_neighbours(algorithm):
    names_all(6, (2, 4), algorithm, "mid", signal.SIGKILL)


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_three_of_eight(algorithm):
    names_all(8, (3, 4, 5), algorithm, "before", signal.SIGKILL)


def test_a_reason_that_is_cut_in_the_middle_of_a_character():
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=10))
        communicator.all_reduce(torch.ones(3), "mean").wait()
        if rank == 0:
            communicator.abort("é" * 3000)
            dist.barrier()
            return
        with pytest.raises(byzccl.TransportError) as caught:
            communicator.all_reduce(torch.ones(3), "mean").wait()
        assert str(caught.value).startswith("rank 0 gave up: ééé")
        assert caught.value.suspects == (0,)
        assert communicator.failure is not None
        dist.barrier()

    run(3, body)


def test_a_reason_with_control_characters():
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=10))
        communicator.all_reduce(torch.ones(3), "mean").wait()
        if rank == 0:
            communicator.abort("a\x1b[2Jb\nc\x00d\u202ee\ud800")
            dist.barrier()
            return
        with pytest.raises(byzccl.TransportError) as caught:
            communicator.all_reduce(torch.ones(3), "mean").wait()
        assert str(caught.value).startswith("rank 0 gave up: a?[2Jb c?d?e? (step 1, ")
        assert str(caught.value).isprintable()
        dist.barrier()

    run(2, body)


def board_of(communicator: int = 0):
    """The store under the communicator that this group made as its `communicator`-th."""
    group = dist.group.WORLD
    return dist.PrefixStore(
        f"byzccl/{group.group_name}/{communicator}", dist.distributed_c10d._get_default_store()
    )


def test_a_false_verdict_is_contested():
    """Rank 2 says at once that rank 1 is gone, and leaves; rank 3 is the one that died."""

    def body(rank):
        communicator = byzccl.Communicator(timeout=TIMEOUT)
        communicator.all_reduce(torch.ones(3), "mean").wait()
        if rank == 2:
            board_of().set("byzccl/verdict", b"1 1 \nrank 1 \xff\x07 closed the connection")
        dist.barrier()
        if rank == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        with pytest.raises(byzccl.TransportError) as caught:
            communicator.all_reduce(torch.ones(3), "mean").wait()
        assert caught.value.suspects == (3,), str(caught.value)
        assert str(caught.value).startswith("contested: the board says rank 1; this rank saw: ")
        assert str(caught.value).isprintable()

    run(4, body, lost={3}, limit=40)
