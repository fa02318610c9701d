# SPDX-License-Identifier: MIT
"""byzccl.Communicator.all_reduce beside Gloo's own all-reduce of the same vector."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from benchmarks.step_cost.ranks import median_ratio, run, slowest, take_turns
from byzccl import Communicator

_PLAIN = "gloo sum"
_ELEMENT = 4


def least_bytes(n: int, d: int) -> int:
    """What a rank sends in a plain all-reduce of d float32: 2 (n-1)/n d."""
    return 2 * (n - 1) * d * _ELEMENT // n


def measure(
    n: int, megabytes: float, rules: list[str], most: int, seconds: float
) -> list[dict[str, Any]]:
    """One figure a case: Gloo's sum first, then each rule."""
    d = int(megabytes * 1e6) // _ELEMENT

    def body(rank: int) -> dict[str, Any]:
        communicator = Communicator()
        x = torch.randn(d, generator=torch.Generator().manual_seed(rank))
        scratch = torch.empty_like(x)
        sent: dict[str, int] = {}
        phases: dict[str, dict[str, list[float]]] = {}

        def plain() -> None:
            dist.all_reduce(scratch)

        def robust(rule: str) -> Callable[[], None]:
            def case() -> None:
                pending = communicator.all_reduce(scratch, rule)
                pending.wait()
                report = pending.report()
                sent[rule] = report.bytes_sent
                of_rule = phases.setdefault(rule, {})
                for phase, time in report.phases.items():
                    of_rule.setdefault(phase, []).append(time)

            return case

        cases = {_PLAIN: plain, **{rule: robust(rule) for rule in rules}}
        times = take_turns(cases, most, seconds, before=lambda: scratch.copy_(x))
        middle = {
            rule: {phase: statistics.median(laps[1:]) for phase, laps in of_rule.items()}
            for rule, of_rule in phases.items()
        }
        return {"times": times, "sent": sent, "phases": middle}

    ranks = run(n, body)
    base = slowest([rank["times"][_PLAIN] for rank in ranks])
    figures = []
    for case in [_PLAIN, *rules]:
        times = slowest([rank["times"][case] for rank in ranks])
        figure = {
            "step": "all_reduce",
            "case": case,
            "n": n,
            "megabytes": megabytes,
            "turns": len(times),
            "seconds": statistics.median(times),
            "fastest_seconds": min(times),
            "times_gloo": median_ratio(times, base),
        }
        if case != _PLAIN:
            figure["bytes_sent"] = max(rank["sent"][case] for rank in ranks)
            figure["bytes_floor"] = least_bytes(n, d)
            figure["phase_seconds"] = {
                phase: statistics.mean(rank["phases"][case][phase] for rank in ranks)
                for phase in ranks[0]["phases"][case]
            }
        figures.append(figure)
    return figures
