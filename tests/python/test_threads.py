# SPDX-License-Identifier: MIT
"""Threads that share a communicator, one reduction, or the reports of one DDP model."""

import sys
import threading
from datetime import timedelta

import pytest
import torch

import byzccl
from byzccl.pending import Pending
from ranks import run
from replicas import model, train

SECONDS = timedelta(seconds=20)


def side_by_side(body, threads: int = 8) -> None:
    """Calls body() on each thread; raises what the first of them raised."""
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            body()
        except BaseException as error:
            failures.append(error)

    started = [threading.Thread(target=guarded) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if failures:
        raise failures[0]


@pytest.fixture(autouse=True)
def _hurry():
    """Threads change places as often as can be."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_calls():
    def body(rank):
        communicator = byzccl.Communicator(timeout=SECONDS)

        def calls() -> None:
            for value in range(1000):
                x = torch.full((3,), float(value))
                communicator.all_reduce(x, "mean").wait()
                assert torch.equal(x, torch.full((3,), float(value)))

        side_by_side(calls)

    run(1, body)


def test_waits_for_one_reduction():
    def body(rank):
        communicator = byzccl.Communicator(timeout=SECONDS)
        for value in range(100):
            x = torch.zeros(100, 2)
            x[:, 0] = value
            pending = communicator.all_reduce(x[:, 0], "mean")

            def look(pending: Pending = pending) -> None:
                pending.is_completed()
                assert pending.report().n == 1

            side_by_side(look)
            assert torch.equal(x[:, 0], torch.full((100,), float(value)))

    run(1, body)


def test_reports_that_are_read_late_by_several():
    """As on a CUDA device, where they gather unread."""
    steps = 60

    def body(rank):
        ddp = model()
        robust = byzccl.ddp.robustify(ddp, "mean", timeout=SECONDS)
        robust._hook.read_reports_late(True)
        for _ in range(2):
            already = robust.state_dict()["steps"]
            train(ddp, rank, steps)
            assert robust._hook.unread == steps

            def look(last: int = already + steps - 1) -> None:
                assert robust.report().step == last

            side_by_side(look)
            assert robust.state_dict()["steps"] == already + steps

    run(1, body)
