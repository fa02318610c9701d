# SPDX-License-Identifier: MIT
"""While a rank waits for others: interrupts, warnings, and how long it has waited for whom."""

import logging
import os
import signal
import threading
import time
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist

import byzccl
from ranks import run

LATE = 2.0  # seconds


def interrupt_after(seconds: float) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()


@pytest.mark.parametrize("call", ["wait", "report", "all_reduce"])
def test_an_interrupt_ends_the_waiting_and_not_the_reduction(call):
    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        communicator.all_reduce(torch.ones(3), "mean").wait()
        byzccl.all_reduce(torch.ones(3), "mean")
        dist.barrier()
        x = torch.full((1000,), float(rank))
        if rank == 1:
            time.sleep(LATE)
        if call == "all_reduce":
            if rank == 0:
                interrupt_after(0.3)
                with pytest.raises(KeyboardInterrupt):
                    byzccl.all_reduce(x, "mean")
            else:
                byzccl.all_reduce(x, "mean")
                assert torch.equal(x, torch.full((1000,), 0.5))
            y = torch.full((1000,), float(rank))
            byzccl.all_reduce(y, "mean")  # what was interrupted comes before it
            assert torch.equal(x, torch.full((1000,), 0.5)) and torch.equal(x, y)
            return
        pending = communicator.all_reduce(x, "mean")
        if rank == 0:
            interrupt_after(0.3)
            start = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                getattr(pending, call)()
            assert time.monotonic() - start < LATE - 0.5
            assert not pending.is_completed()
        assert pending.wait()
        assert torch.equal(x, torch.full((1000,), 0.5))

    run(2, body)


def test_a_handler_that_raises_is_heard():
    class Preempted(Exception):
        pass

    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        communicator.all_reduce(torch.ones(3), "mean").wait()
        if rank == 1:
            time.sleep(LATE)

        def raise_it(number, frame):
            raise Preempted

        signal.signal(signal.SIGALRM, raise_it)
        pending = communicator.all_reduce(torch.ones(3), "mean")
        if rank == 0:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(Preempted):
                pending.wait()
        pending.wait()

    run(2, body)


@pytest.mark.parametrize("call", ["all_reduce", "reduce", "begin"])
def test_what_a_handler_raises_when_a_call_was_made_is_no_second_call(call, monkeypatch):
    """It comes between the core's return and the handle: the others have the call, and no more."""

    class Preempted(Exception):
        pass

    def body(rank):
        communicator = byzccl.Communicator(timeout=timedelta(seconds=20))
        x = torch.full((5,), float(rank))
        if rank == 0:

            def preempted(*arguments: object) -> None:
                raise Preempted

            for handle in ("Pending", "Exchange"):
                monkeypatch.setattr(f"byzccl.communicator.{handle}", preempted)
            with pytest.raises(Preempted):
                CALLS[call](communicator, x)
            monkeypatch.undo()
        else:
            made = CALLS[call](communicator, x)
            if call == "begin":
                del made
            else:
                made.wait()
        y = torch.full((5,), float(rank))
        communicator.all_reduce(y, "mean").wait()
        assert torch.equal(y, torch.full((5,), 0.5))

    run(2, body)


CALLS = {
    "all_reduce": lambda communicator, x: communicator.all_reduce(x, "mean"),
    "reduce": lambda communicator, x: communicator.reduce(x, "mean", 0),
    "begin": lambda communicator, x: communicator.begin("mean"),
}


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def test_a_rank_that_is_late_is_warned_of_once():
    def body(rank):
        heard = Heard()
        logging.getLogger("byzccl").addHandler(heard)
        communicator = byzccl.Communicator(timeout=timedelta(seconds=8))
        communicator.all_reduce(torch.ones(3), "mean").wait()
        dist.barrier()
        assert not heard.records
        if rank == 1:
            time.sleep(2.5)
        communicator.all_reduce(torch.ones(3), "median").wait()
        texts = [record.getMessage() for record in heard.records]
        if rank == 1:
            assert texts == []
        else:
            assert texts == [
                f"rank 1 is 1 s late (step 1, all_reduce median); rank {rank} gives it 8 s"
            ]
            assert heard.records[0].levelno == logging.WARNING
        return communicator.all_reduce(torch.ones(3), "mean").report().step

    assert run(3, body) == [2, 2, 2]


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
def test_the_report_says_how_long_it_waited_for_whom(algorithm):
    def body(rank):
        communicator = byzccl.Communicator(None, algorithm, timedelta(seconds=20))
        communicator.all_reduce(torch.ones(3), "mean").wait()
        dist.barrier()
        if rank == 2:
            time.sleep(1)
        report = communicator.all_reduce(torch.ones(3), "mean").report()
        assert report.waits.shape == (3,) and report.waits.dtype == torch.float64
        assert report.waits[rank] == 0
        if rank != 2:
            assert 0.5 < report.waits[2] < 15
        again = communicator.all_reduce(torch.ones(3), "mean").report()
        assert again.waits.sum() < 0.5 or again.waits.sum() < report.waits.sum()

    run(3, body)
    assert byzccl.explain(torch.ones(3, 4), "median").waits.numel() == 0
