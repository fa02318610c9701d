# SPDX-License-Identifier: MIT
"""Signal handlers that raise (Ctrl-C, preemption, timers): the step completes first, as with plain
DDP, and all ranks go on together."""

import itertools
import signal
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from torch.nn.parallel import DistributedDataParallel

import byzccl
from interrupts import SIGNALS, Preempted, preempt, send_soon
from ranks import run
from replicas import batch, gradients, model, once, train

N = 3
SECONDS = timedelta(seconds=20)


RULES = [None, "mean", "krum(f=0)", "centered_clipping(tau=1)"]  # None: plain DDP


def robustified(
    rule: str | None, **options: object
) -> tuple[DistributedDataParallel, byzccl.ddp.Robust | None]:
    ddp = model(broadcast_buffers=False)
    return ddp, rule and byzccl.ddp.robustify(ddp, rule, timeout=SECONDS, **options)


def go_on(ddp: DistributedDataParallel, rank: int) -> list[torch.Tensor]:
    """The gradients of the step so far and of two more, and the parameters."""
    halfway = gradients(ddp)
    return [halfway, *train(ddp, rank, 2), *[p.detach() for p in ddp.parameters()]]


def check_alike(results: list[list[torch.Tensor]]) -> None:
    for tensors in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], tensors, strict=True))


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("rule", RULES)
def test_a_handler_that_raises_while_a_rank_waits(rule, kind, tmp_path):
    sent = tmp_path / "sent"

    def body(rank):
        ddp, _ = robustified(rule)
        train(ddp, rank, 2)  # buckets are rebuilt after the first step
        ddp.zero_grad()
        loss = ddp(batch(rank, 2)).square().mean()
        if rank == 0:
            send_soon(kind, sent.touch)
            with pytest.raises(SIGNALS[kind][2]):
                loss.backward()
        elif rank == 1:
            while not sent.exists():
                time.sleep(0.01)
            loss.backward()
        else:
            loss.backward()
        return go_on(ddp, rank)

    check_alike(run(N, body))


@pytest.mark.parametrize("kind", SIGNALS)
@pytest.mark.parametrize("rule", RULES[1:])
def test_a_handler_that_raises_inside_a_tamper(rule, kind):
    _, _, raised, outside = SIGNALS[kind]

    def body(rank):
        bucket = itertools.count()
        waits = []

        def tamper(gradient: torch.Tensor) -> None:
            if waits and next(bucket) == 1:  # neither the first nor the last
                waits.clear()
                send_soon(kind)
                time.sleep(10)

        ddp, robust = robustified(rule, tamper=tamper)
        train(ddp, rank, 2)
        ddp.zero_grad()
        loss = ddp(batch(rank, 2)).square().mean()
        if rank == 0:
            waits.append(True)
            with pytest.raises(outside):
                loss.backward()
            assert isinstance(robust.error, raised)
        else:
            loss.backward()
            assert robust.error is None
        assert robust.report().step == 2
        return go_on(ddp, rank)

    check_alike(run(N, body))


def go_forward(module: torch.nn.Module) -> None:
    for step in itertools.count():
        module(batch(0, step))


def test_a_handler_that_raises_in_the_forward_pass():
    def body(rank):
        ddp, _ = robustified("krum(f=0)")
        train(ddp, rank, 2)
        if rank == 0:
            send_soon("timer")
            with pytest.raises(Preempted):
                go_forward(ddp.module)
        ddp.zero_grad()
        once(ddp, rank, 2)
        return go_on(ddp, rank)

    check_alike(run(N, body))


def test_signals_at_any_moment_of_many_steps():
    """What a handler raises anywhere in backward() leaves the step whole."""
    steps = 60

    def body(rank):
        ddp, _ = robustified("krum(f=0)")
        train(ddp, rank, 1)
        optimizer = torch.optim.SGD(ddp.parameters(), lr=0.01)
        handled = []
        signal.signal(signal.SIGALRM, preempt)
        for step in range(steps):
            optimizer.zero_grad()
            loss = ddp(batch(rank, step)).square().mean()
            if rank == 0:
                try:
                    signal.setitimer(signal.ITIMER_REAL, 1e-4 * (1 + step % 20))
                    loss.backward()
                    signal.setitimer(signal.ITIMER_REAL, 0)
                except Preempted:
                    handled.append(step)
                # Before backward() began: the others still count on it.
                if ddp.module.last.bias.grad is None:
                    loss.backward()
            else:
                loss.backward()
            optimizer.step()
        return handled, [p.detach() for p in ddp.parameters()]

    results = run(N, body, limit=60)
    assert results[0][0], "no signal came in time"
    check_alike([parameters for _, parameters in results])


def frames_of_the_package(action: Callable[[], None]) -> tuple[int, list[str]]:
    """How many Python frames ran in this thread, and those of byzccl."""
    package = str(Path(byzccl.__file__).parent)
    frames = []
    sys.setprofile(lambda frame, event, argument: frames.append(frame.f_code))
    try:
        action()
    finally:
        sys.setprofile(None)
    ours = [code.co_name for code in frames if code.co_filename.startswith(package)]
    return len(frames), ours


@pytest.mark.parametrize("rule", RULES[1:])
def test_no_python_runs_in_the_hook(rule):
    def body(rank):
        ddp, _ = robustified(rule)
        train(ddp, rank, 2)
        loss = ddp(batch(rank, 2)).square().mean()
        count, ours = frames_of_the_package(loss.backward)
        assert count > 0 and ours == []

        tampered, _ = robustified(rule, tamper=lambda gradient: None)
        loss = tampered(batch(rank, 2)).square().mean()
        _, ours = frames_of_the_package(loss.backward)
        assert ours == []  # a tamper is the caller's

    run(N, body)


def test_a_tamper_that_raises_in_the_shadow_of_a_rank_that_has_joined():
    """There is no backward pass: it comes when the futures are waited for."""

    def body(rank):
        failing = []

        def tamper(gradient: torch.Tensor) -> None:
            if failing:
                raise KeyError(failing.pop())

        ddp, robust = robustified("mean", tamper=tamper)
        train(ddp, rank, 2)
        if rank == 0:
            failing.append("no such adversary")
            with pytest.raises(RuntimeError, match="no such adversary"):
                ddp._match_all_reduce_for_bwd_pass()
            assert isinstance(robust.error, KeyError)
        else:
            once(ddp, rank, 2)
        assert robust.report().step == 2
        once(ddp, rank, 3)
        assert robust.error is None

    run(N, body)
