# SPDX-License-Identifier: MIT
"""Communicators whose process was forked, that have failed, or that only their work refers to."""

import os
import signal
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from byzccl import communicator as communicators
from byzccl.collectives import communicator_of
from ranks import run

SECONDS = timedelta(seconds=20)


def in_a_fork(body) -> None:
    """Fails unless body() returns within 10 seconds in a forked child."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(10)
            body()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


def test_a_forked_child_is_told_and_does_not_hang():
    def body(rank):
        communicator = byzccl.Communicator(timeout=SECONDS)
        x = torch.full((5,), float(rank))
        pending = communicator.all_reduce(x, "mean")
        exchange = communicator.begin("mean")
        byzccl.all_reduce(x.clone(), "mean")

        def child():
            for use in (
                lambda: communicator.all_reduce(x, "mean"),
                lambda: byzccl.all_reduce(x, "mean"),
                lambda: byzccl.functional.all_reduce(x, "mean"),
                pending.wait,
                pending.is_completed,
                exchange.finish,
                lambda: exchange.add(x),
                lambda: communicator.bytes_sent,
            ):
                with pytest.raises(byzccl.Error, match="was forked from it"):
                    use()
            communicators._close_all()
            assert torch.equal(byzccl.aggregate(torch.ones(3, 2), "median"), torch.ones(2))

        in_a_fork(child)
        pending.wait()
        exchange.add(x)
        exchange.finish().wait()
        assert torch.equal(x, torch.full((5,), 0.5))

    run(2, body)


def test_a_group_that_failed_says_how_to_go_on():
    def body(rank):
        x = torch.full((5,), float(rank))
        byzccl.all_reduce(x.clone(), "mean")
        if rank == 0:
            communicator_of(dist.group.WORLD, torch.device("cpu")).abort("enough")
        with pytest.raises(byzccl.TransportError, match="enough"):
            byzccl.all_reduce(x.clone(), "mean")
        for _ in range(2):
            with pytest.raises(byzccl.TransportError, match=r"byzccl\.forget\(group\).*enough"):
                byzccl.all_reduce(x.clone(), "mean")
        byzccl.forget()
        byzccl.all_reduce(x, "mean")
        assert torch.equal(x, torch.full((5,), 1.0))

    run(3, body)


def test_forget_on_a_group_that_was_not_used():
    def body(rank):
        byzccl.forget()
        byzccl.forget(dist.group.WORLD)
        x = torch.full((5,), float(rank))
        byzccl.all_reduce(x, "mean")
        assert torch.equal(x, torch.full((5,), 0.5))

    run(2, body)
    with pytest.raises(byzccl.InvalidArgument, match="not been initialized"):
        byzccl.forget()


def test_an_exchange_keeps_its_communicator():
    def body(rank):
        exchange = byzccl.Communicator(timeout=SECONDS).begin(byzccl.Mean())
        x = torch.full((5,), float(rank))
        exchange.add(x)
        pending = exchange.finish()
        del exchange
        assert pending.report().rule == "mean"
        assert torch.equal(x, torch.full((5,), 1.0))

    run(3, body)
