# SPDX-License-Identifier: MIT
"""Ranks as forked processes: torch is imported once, and a test takes a fraction of a second."""

import faulthandler
import gc
import os
import pickle
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def join_world(rank: int, n: int, where: str) -> None:
    dist.init_process_group(
        "gloo", init_method=where, rank=rank, world_size=n, timeout=timedelta(seconds=30)
    )


def _child(rank: int, n: int, body: Callable[[int], Any], where: str | None, folder: Path) -> None:
    # What the parent had is no garbage here, and looking through it would copy each of its pages.
    gc.freeze()
    status = 1
    try:
        torch.set_num_threads(1)
        if where is not None:
            join_world(rank, n, where)
        result = body(rank)
        gc.collect()
        if dist.is_initialized():
            dist.destroy_process_group()
        (folder / f"result{rank}").write_bytes(pickle.dumps(result))
        status = 0
    except BaseException:
        (folder / f"error{rank}").write_text(traceback.format_exc())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run(
    n: int,
    body: Callable[[int], Any],
    *,
    limit: float = 30.0,
    lost: Collection[int] = (),
    tcp: bool = False,
    init: bool = True,
) -> list[Any]:
    """What body(rank) returned on each of n ranks, each in a process of its own.

    A rank that raises, dies or does not end within `limit` seconds fails the test with its
    traceback; ranks in `lost` are meant to die or hang, are killed at the end, and give None. With
    `tcp` rank 0 hosts the store, otherwise it is a file. Without `init` there is no process group.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        where = f"tcp://127.0.0.1:{free_port()}" if tcp else f"file://{folder}/store"
        sys.stdout.flush()
        sys.stderr.flush()
        pids: dict[int, int] = {}
        for rank in range(n):
            pid = os.fork()
            if pid == 0:
                faulthandler.enable()
                faulthandler.dump_traceback_later(max(1.0, limit - 1), exit=False)
                _child(rank, n, body, where if init else None, folder)
            pids[rank] = pid
        failures = _collect(pids, limit, lost, folder)
        if failures:
            raise AssertionError("\n".join(failures))
        return [
            None if rank in lost else pickle.loads((folder / f"result{rank}").read_bytes())
            for rank in range(n)
        ]


def _collect(pids: dict[int, int], limit: float, lost: Collection[int], folder: Path) -> list[str]:
    failures = []
    deadline = time.monotonic() + limit
    running = dict(pids)
    while set(running) - set(lost):
        for rank, pid in list(running.items()):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done == 0:
                continue
            del running[rank]
            if status != 0 and rank not in lost:
                said = folder / f"error{rank}"
                text = said.read_text() if said.exists() else f"wait status {status}"
                failures.append(f"rank {rank}: {text}")
                deadline = min(deadline, time.monotonic() + 3)
        if time.monotonic() > deadline:
            failures += [f"rank {rank}: did not end in time" for rank in set(running) - set(lost)]
            break
        time.sleep(0.002)
    for pid in running.values():
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return failures
