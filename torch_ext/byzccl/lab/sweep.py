# SPDX-License-Identifier: MIT
"""Does the runs of a sweep, several at a time, each in a process of its own."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import torch

from byzccl.lab.engines import run_experiment
from byzccl.lab.environment import environment
from byzccl.lab.plan import DONE, Planned
from byzccl.lab.store import Store

PR_SET_PDEATHSIG = 1  # of Linux's prctl

# What the one who watches is told: the run, its steps done, and its state: "running", or "done",
# "failed" or "elsewhere" once at its end.
Watch = Callable[[Planned, int, str], None]


@dataclass
class Child:
    run: Planned
    process: ForkProcess
    state: str = "running"
    steps: int = 0


def sweep(
    path: Path, runs: Iterable[Planned], parallel: int, threads: int = 1,
    watch: Watch = lambda run, steps, state: None,
) -> None:  # fmt: skip
    """Returns when all of the runs are done or have failed, whoever did them.

    At most `parallel` run at a time; one over real processes runs alone, so that its times mean
    something. Each process sets `threads` threads of torch. This process must not have used more
    than one: the others are forked from it. They end with it, however it ends.
    """
    waiting = deque(run for run in runs if run.why != DONE)
    children: dict[Connection, Child] = {}
    elsewhere: deque[Planned] = deque()
    try:
        while waiting or children or elsewhere:
            while waiting and fits(waiting[0], children, parallel):
                pipe, child = start(path, waiting.popleft(), threads, list(children))
                children[pipe] = child
            if not children and elsewhere:
                waiting.append(elsewhere.popleft())
                with Store(path) as store:
                    store.wait_for(waiting[-1].key)
                continue
            for ready in wait(list(children)):
                assert isinstance(ready, Connection)
                child = children[ready]
                if not listen(path, ready, child):
                    watch(child.run, child.steps, "running")
                    continue
                del children[ready]
                if child.state == "elsewhere":
                    elsewhere.append(child.run)
                watch(child.run, child.steps, child.state)
    finally:
        for child in children.values():
            end_group(child.process)


def fits(run: Planned, children: dict[Connection, Child], parallel: int) -> bool:
    alone = run.experiment.engine == "processes" or any(
        child.run.experiment.engine == "processes" for child in children.values()
    )
    return len(children) < (1 if alone else parallel)


def start(
    path: Path, run: Planned, threads: int, others: list[Connection]
) -> tuple[Connection, Child]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(
        target=live, args=(path, run, threads, os.getpid(), theirs, [*others, ours])
    )
    process.start()
    theirs.close()
    return ours, Child(run, process)


def listen(path: Path, pipe: Connection, child: Child) -> bool:
    """Takes a message of a child, and returns whether that was its last."""
    try:
        child.state, child.steps = pipe.recv()
        return False
    except EOFError:
        pass
    pipe.close()
    child.process.join()
    if child.state == "running":
        code = child.process.exitcode or 0
        how = f"killed by signal {-code}" if code < 0 else f"ended with {code}"
        with Store(path) as store:
            row = store.row(child.run.key)
            if row is not None and row.state != "done" and not store.running(row):
                store.fail(child.run.key, f"its process was {how}")
        child.state = "failed"
    return True


def end_group(process: ForkProcess) -> None:
    """Kills a child and the processes that it started."""
    if process.pid is not None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            process.kill()  # it had no time to found its group
    process.join()


def live(
    path: Path, run: Planned, threads: int, parent: int, pipe: Connection, others: list[Connection]
) -> None:
    """A child's life: one run, recorded by itself."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # it died before that was set
    for other in others:
        other.close()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(threads)
    try:
        with Store(path) as store:
            pipe.send((perform(store, run, pipe), run.experiment.steps))
    except OSError:
        pass  # nobody listens any more
    finally:
        os._exit(0)  # no clean-up of what was inherited


def perform(store: Store, run: Planned, pipe: Connection) -> str:
    """Returns the state in which the run ended."""
    key = store.claim(run.settings, run.code, environment())
    if key is None:
        row = store.row(run.key)
        return "done" if row is not None and row.state == "done" else "elsewhere"

    def progress(step: int, accuracy: float) -> None:
        pipe.send(("running", step))

    try:
        outcome = run_experiment(run.experiment, progress)
    except Exception as error:
        short = traceback.format_exception_only(error)[-1].strip()
        store.fail(key, f"{short}\n\n{traceback.format_exc()}")
        return "failed"
    if outcome is None:
        raise RuntimeError("a run of a sweep belongs to no torchrun: start lab sweep without it")
    store.finish(key, outcome.to_json())
    return "done"
