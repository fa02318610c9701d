# SPDX-License-Identifier: MIT
"""Ranks as forked processes, and cases that take turns in them."""

from __future__ import annotations

import json
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing

Body = Callable[[int], Any]


def _child(rank: int, n: int, port: int, folder: str, body: Body) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        init_method=f"tcp://127.0.0.1:{port}",
        rank=rank,
        world_size=n,
        timeout=timedelta(minutes=5),
    )
    result = body(rank)
    (Path(folder) / f"{rank}.json").write_text(json.dumps(result))
    dist.barrier()
    dist.destroy_process_group()


def run(n: int, body: Body) -> list[Any]:
    """What body(rank) returned on each of n ranks, each a process with one thread for torch.

    Call it before torch has run anything in parallel: the ranks are forked.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            _child, args=(n, port, folder, body), nprocs=n, start_method="fork"
        )
        return [json.loads((Path(folder) / f"{rank}.json").read_text()) for rank in range(n)]


def take_turns(
    cases: Mapping[str, Callable[[], None]],
    most: int,
    seconds: float,
    before: Callable[[], object] = lambda: None,
) -> dict[str, list[float]]:
    """Seconds of each case on this rank, by repetition; `before` each one is off the clock.

    Every repetition runs all cases, so that what disturbs the machine disturbs them alike. The
    first one warms up and is left out. Rank 0 ends the turns after `most` of them, or when
    `seconds` have passed and there are three.
    """
    times: dict[str, list[float]] = {name: [] for name in cases}
    end = time.monotonic() + seconds
    for turn in range(most + 1):
        for name, case in cases.items():
            before()
            dist.barrier()
            start = time.monotonic()
            case()
            if turn > 0:
                times[name].append(time.monotonic() - start)
        over = torch.tensor([turn >= 3 and time.monotonic() > end])
        dist.broadcast(over, 0)
        if over.item():
            break
    return times


def slowest(times: list[list[float]]) -> list[float]:
    """Of each repetition the time of the rank that took longest."""
    return [max(turn) for turn in zip(*times, strict=True)]


def median_ratio(times: list[float], base: list[float]) -> float:
    """Of each repetition the ratio, of those the median."""
    return statistics.median(a / b for a, b in zip(times, base, strict=True))
