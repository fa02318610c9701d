# SPDX-License-Identifier: MIT
"""Starts the workers once and deals out the runs to them."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path

import torch
import torch._dynamo  # torch.optim imports it late: once here, not once in each worker
import torch.distributed as dist

from byzccl.lab.data import Dataset
from byzccl.lab.run import Result, Run, Settings
from byzccl.lab.worker import Worker

# (steps done, accuracy) of the run under way.
Progress = Callable[[int, float], None]


class WorkerFailed(RuntimeError):
    """A worker raised or died; the message carries its traceback."""


class Team:
    """The workers, each behind a pipe."""

    def __init__(self, pipes: list[Connection]) -> None:
        self.pipes = pipes

    def train(self, run: Run, progress: Progress = lambda step, accuracy: None) -> Result:
        """Lets all workers do one run and returns what rank 0 saw. Raises WorkerFailed."""
        for pipe in self.pipes:
            pipe.send(run)
        result: Result | None = None
        waiting = list(self.pipes)
        while waiting:
            for ready in wait(waiting):
                pipe = next(p for p in waiting if p is ready)
                rank = self.pipes.index(pipe)
                try:
                    kind, value = pipe.recv()
                except EOFError:
                    raise WorkerFailed(f"worker {rank} died") from None
                if kind == "progress":
                    progress(*value)
                elif kind == "error":
                    raise WorkerFailed(f"worker {rank} failed:\n{value}")
                else:
                    waiting.remove(pipe)
                    if rank == 0:
                        result = value
        assert result is not None
        return result


@contextmanager
def team(settings: Settings, dataset: Dataset) -> Iterator[Team]:
    """Workers for the length of a with block.

    They are forked, so that torch and the data are loaded once: call it before torch has done
    any parallel work in this process. All processes end with the block, whatever happened.
    """
    context = multiprocessing.get_context("fork")
    pipes: list[Connection] = []
    processes = []
    with tempfile.TemporaryDirectory(prefix="byzccl-") as folder:
        for rank in range(settings.workers):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=serve,
                args=(rank, settings, dataset, Path(folder) / "store", theirs, [*pipes, ours]),
                daemon=True,
            )
            process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        try:
            yield Team(pipes)
            for pipe in pipes:
                pipe.send(None)
            for process in processes:
                process.join(10)
        finally:
            for process in processes:
                process.kill()
                process.join()
            for pipe in pipes:
                pipe.close()


def serve(
    rank: int,
    settings: Settings,
    dataset: Dataset,
    store: Path,
    pipe: Connection,
    others: list[Connection],
) -> None:
    """A worker's life: runs from the pipe until None comes."""
    for other in others:
        other.close()  # the parent's ends, inherited: a dead parent must read as end of file
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # the parent's handler is inherited, too
    # What the parent had is no garbage here, and looking through it would copy each of its pages.
    gc.freeze()
    try:
        torch.set_num_threads(1)
        # Of the first layer's gradient, one channel deep, whose strides mean nothing.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        # All workers are on this machine, whatever its host name resolves to.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group(
            "gloo", init_method=f"file://{store}", rank=rank, world_size=settings.workers
        )
        worker = Worker(settings, dataset)

        def progress(step: int, accuracy: float) -> None:
            if rank == 0:
                pipe.send(("progress", (step, accuracy)))

        while (run := pipe.recv()) is not None:
            pipe.send(("done", worker.train(run, progress)))
    except (EOFError, KeyboardInterrupt):
        pass  # the parent is gone, or takes us down
    except BaseException:
        pipe.send(("error", traceback.format_exc()))
    finally:
        # No teardown of the group: the others may be gone already, and nothing outlives the run.
        os._exit(0)
