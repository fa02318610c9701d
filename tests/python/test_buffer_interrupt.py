# SPDX-License-Identifier: MIT
"""Signal handlers that raise in a forward pass that exchanges buffers: the exchange completes
first, and a forward pass that is made again makes no second one."""

import itertools
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import byzccl
from interrupts import SIGNALS, Preempted, preempt, send_soon
from ranks import run
from replicas import batch, gradients, model

N = 3
SECONDS = timedelta(seconds=20)
PACKAGE = str(Path(byzccl.__file__).parent)


def robustified() -> DistributedDataParallel:
    ddp = model()
    byzccl.ddp.robustify(ddp, "krum(f=0)", timeout=SECONDS, robust_buffers=True)
    return ddp


def steps(
    ddp: DistributedDataParallel,
    rank: int,
    numbers: range,
    forward: Callable[[int], torch.Tensor] | None = None,
) -> list[torch.Tensor]:
    """The gradients of all steps, and the buffers as the ranks agree on them at the end."""
    seen = []
    for step in numbers:
        ddp.zero_grad()
        output = forward(step) if forward else ddp(batch(rank, step))
        output.square().mean().backward()
        seen.append(gradients(ddp))
    ddp.eval()
    with torch.no_grad():
        ddp(batch(0, 0))
    ddp.train()
    return [*seen, *[buffer.double().clone() for buffer in ddp.module.buffers()]]


def check_alike(results: list[list[torch.Tensor]]) -> None:
    for tensors in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], tensors, strict=True))


@pytest.mark.parametrize("kind", SIGNALS)
def test_a_handler_that_raises_while_buffers_are_exchanged(kind, tmp_path):
    sent = tmp_path / "sent"

    def body(rank):
        ddp = robustified()
        steps(ddp, rank, range(2))
        ddp(batch(rank, 2)).square().mean().backward()
        if rank == 0:
            send_soon(kind, sent.touch)
            with pytest.raises(SIGNALS[kind][2]):
                ddp(batch(rank, 3))
        elif rank == 1:
            while not sent.exists():
                time.sleep(0.01)
        return steps(ddp, rank, range(3, 6))

    check_alike(run(N, body))


def raising_at(event: int) -> tuple[Callable[..., Any], list[str]]:
    """A tracer that raises Preempted at the `event`th line of byzccl, and where it did."""
    lines = itertools.count()
    where: list[str] = []

    def trace(frame: FrameType, kind: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if kind == "line" and next(lines) == event:
            where.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
            raise Preempted
        return trace

    return trace, where


def test_an_exception_at_any_line_of_the_package():
    """As a handler's would come, one line of each forward pass after the other, to the last."""

    def body(rank):
        ddp = robustified()
        reached: list[str] = []
        seen = []
        for step in itertools.count():
            trace, where = raising_at(step)
            ddp.zero_grad()
            try:
                if rank == 0:
                    sys.settrace(trace)
                output = ddp(batch(rank, step))
            except Preempted:
                output = ddp(batch(rank, step))
            finally:
                sys.settrace(None)
            output.square().mean().backward()
            seen.append(gradients(ddp))
            reached += where
            past_the_last = [rank == 0 and not where]
            dist.broadcast_object_list(past_the_last, 0)
            if past_the_last[0]:
                break
        return reached, [*seen, *steps(ddp, rank, range(2))]

    results = run(N, body, limit=100)
    functions = {place.split(":")[0] for place in results[0][0]}
    assert functions >= {"exchange", "run", "land", "keep_finite"} and len(results[0][0]) > 40
    check_alike([tensors for _, tensors in results])


def test_signals_at_any_moment_of_many_forward_passes():
    def body(rank):
        ddp = robustified()
        steps(ddp, rank, range(1))
        signal.signal(signal.SIGALRM, preempt)
        handled = []

        def interrupted(step: int) -> torch.Tensor:
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4 * (1 + step % 20))
                output = ddp(batch(rank, step))
                signal.setitimer(signal.ITIMER_REAL, 0)
                return output
            except Preempted:
                handled.append(step)
                return ddp(batch(rank, step))

        return handled, steps(ddp, rank, range(1, 60), interrupted if rank == 0 else None)

    results = run(N, body, limit=100)
    assert results[0][0], "no signal came in time"
    check_alike([tensors for _, tensors in results])


def test_a_rank_that_waits_for_buffers_hears_of_the_signal_soon_after():
    """When the late rank has come, not when the timeout has run out."""

    def body(rank):
        ddp = robustified()
        steps(ddp, rank, range(1))
        ddp(batch(rank, 1)).square().mean().backward()
        if rank == 1:
            time.sleep(1.5)
        if rank == 0:
            signal.signal(signal.SIGALRM, preempt)
            threading.Timer(0.2, lambda: signal.raise_signal(signal.SIGALRM)).start()
            begin = time.monotonic()
            with pytest.raises(Preempted):
                ddp(batch(rank, 2))
            assert 0.1 < time.monotonic() - begin < 15
        return steps(ddp, rank, range(2, 4))

    check_alike(run(N, body))
