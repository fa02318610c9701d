# SPDX-License-Identifier: MIT
"""Three honest ranks and a liar, and what becomes of the honest."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch

import byzccl
from liar import Liar
from ranks import run

N = 4
BAD = 2
HONEST = [rank for rank in range(N) if rank != BAD]
TIMEOUT = timedelta(seconds=5)

Outcome = dict[str, Any]


def outcome_of(call: Callable[[], torch.Tensor]) -> Outcome:
    try:
        result = call()
    except byzccl.TransportError as error:
        return {"is": "lost", "suspects": list(error.suspects), "says": str(error)}
    except byzccl.MismatchError as error:
        return {"is": "mismatch", "says": str(error)}
    return {"is": "done", "bits": hashlib.sha256(result.numpy().tobytes()).hexdigest()}


def honest(rank: int, columns: int, algorithm: str, calls: int) -> list[Outcome]:
    communicator = byzccl.Communicator(None, algorithm, TIMEOUT)

    def call() -> torch.Tensor:
        x = torch.full((columns,), float(rank))
        communicator.all_reduce(x, "mda(f=1)").wait()
        return x

    return [outcome_of(call) for _ in range(calls)]


def outcomes(
    lie: Callable[[Liar], None], columns: int = 100_000, algorithm: str = "sharded", calls: int = 1
) -> list[list[Outcome]]:
    """What each honest rank's calls come to; every one of them ends as a process should."""

    def body(rank: int) -> Any:
        if rank != BAD:
            return honest(rank, columns, algorithm, calls)
        liar = Liar(TIMEOUT)
        lie(liar)
        time.sleep(60)  # it is there to the end, and silent

    results = run(N, body, lost={BAD}, limit=40)
    return [results[rank] for rank in HONEST]


def check_named(results: list[list[Outcome]], says: str = "") -> None:
    """All name the liar alone, at the first call."""
    for calls in results:
        assert calls[0]["is"] == "lost", results
        assert calls[0]["suspects"] == [BAD], results
        assert says in calls[0]["says"], results


def same_for_all(results: list[list[Outcome]], call: int = 0) -> Outcome:
    first = results[0][call]
    assert all(calls[call] == first for calls in results), results
    return first
