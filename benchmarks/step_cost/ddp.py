# SPDX-License-Identifier: MIT
"""A training step of robust DDP beside plain DDP and beside the floor.

The floor is made of what the same run measures: forward and backward without communication, and
the communication that cannot hide behind them. For a rule with distances that is bringing the
result together, since the selection waits for the last bucket; for any other rule it is the
exchange of the last bucket and bringing its result together. Both are taken as what
all_to_all_single needs for the same bytes.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from benchmarks.step_cost.models import ELEMENTS_PER_LAYER, WIDTH, Pace, layers_of, make_model
from benchmarks.step_cost.ranks import median_ratio, run, slowest, take_turns
from byzccl.ddp import robustify

_ALONE = "no communication"
_GATHER = "bring together"
_TAIL = "last bucket"
_PLAIN = "ddp"
_BUCKETS = 6
# What an accelerator's passes take, in multiples of a plain all-reduce of the gradient.
_FORWARD, _BACKWARD = 0.5, 1.5


@dataclass(frozen=True)
class Setting:
    """`accelerator`: layers wait as for an accelerator, and the processor is free meanwhile."""

    n: int
    megabytes: float
    batch: int
    accelerator: bool


def _pace(setting: Setting) -> Pace:
    """The same on every rank, from a plain all-reduce of the gradient."""
    pace = Pace()
    if not setting.accelerator:
        return pace
    layers = layers_of(setting.megabytes)
    gradient = torch.zeros(layers * ELEMENTS_PER_LAYER)
    times = take_turns({_PLAIN: lambda: dist.all_reduce(gradient)}, most=3, seconds=60)[_PLAIN]
    seconds = torch.tensor([statistics.median(times)], dtype=torch.float64)
    dist.all_reduce(seconds, dist.ReduceOp.MAX)
    pace.forward = _FORWARD * float(seconds) / layers
    pace.backward = _BACKWARD * float(seconds) / layers
    return pace


class _Rank:
    """One rank's models and what their steps said."""

    def __init__(self, rank: int, setting: Setting, rules: list[str]) -> None:
        self.pace = _pace(setting)
        self.x = torch.randn(setting.batch, WIDTH, generator=torch.Generator().manual_seed(rank))
        self.cap = max(1.0, setting.megabytes / _BUCKETS)
        self.passes: dict[str, list[tuple[str, int, float, float]]] = {}
        self.models = {name: self._model(setting.megabytes) for name in [_PLAIN, *rules]}
        self.robust = {rule: robustify(self.models[rule], rule) for rule in rules}

    def _model(self, megabytes: float) -> DistributedDataParallel:
        torch.manual_seed(0)
        model = make_model(megabytes, self.pace)
        return DistributedDataParallel(model, bucket_cap_mb=self.cap, gradient_as_bucket_view=True)

    def _step(self, name: str) -> None:
        begin = time.monotonic()
        loss = self.models[name](self.x).square().mean()
        middle = time.monotonic()
        loss.backward()
        end = time.monotonic()
        self.passes[name] = [("forward", -1, begin, middle), ("backward", -1, middle, end)]

    def _alone(self) -> None:
        with self.models[_PLAIN].no_sync():
            self._step(_PLAIN)

    def _buckets(self) -> list[int]:
        """Their elements, in the order in which they become ready."""
        buckets = self.models[_PLAIN].reducer._get_zeros_like_grad_buckets()
        return [bucket.buffer().numel() for bucket in buckets]

    def cases(self) -> dict[str, Callable[[], None]]:
        # DDP begins with one bucket, and cuts it up before its second step.
        for name in [*self.models, *self.models]:
            self._step(name)
        n = dist.get_world_size()
        buckets = [size // n * n for size in self._buckets()]
        whole, last = (torch.zeros(2, size) for size in (sum(buckets), buckets[-1]))

        def tail() -> None:
            for _ in range(2):
                dist.all_to_all_single(last[0], last[1])

        return {
            _ALONE: self._alone,
            _GATHER: lambda: dist.all_to_all_single(whole[0], whole[1]),
            _TAIL: tail,
            **{name: lambda name=name: self._step(name) for name in self.models},
        }

    def zero(self) -> None:
        for model in self.models.values():
            model.zero_grad(set_to_none=False)

    def told(self, rule: str) -> dict[str, Any]:
        """Of the last step: what kind of rule it is, and when each phase was at work."""
        report = self.robust[rule].report()
        assert report is not None
        return {
            "has_distances": report.distances.numel() > 0,
            "spans": [*self.passes[rule], *report.spans],
        }


def measure(
    setting: Setting, rules: list[str], most: int, seconds: float
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One figure a case, and the trace of each rule's last step: spans by rank."""

    def body(rank: int) -> dict[str, Any]:
        this = _Rank(rank, setting, rules)
        times = take_turns(this.cases(), most, seconds, before=this.zero)
        return {"times": times, "told": {rule: this.told(rule) for rule in rules}}

    ranks = run(setting.n, body)
    times = {name: slowest([rank["times"][name] for rank in ranks]) for name in ranks[0]["times"]}
    figures = []
    for case, of_case in times.items():
        figure = {
            "step": "ddp",
            "case": case,
            **asdict(setting),
            "turns": len(of_case),
            "seconds": statistics.median(of_case),
            "times_ddp": median_ratio(of_case, times[_PLAIN]),
        }
        if case in rules:
            hidden = _GATHER if ranks[0]["told"][case]["has_distances"] else _TAIL
            floor = [a + b for a, b in zip(times[_ALONE], times[hidden], strict=True)]
            figure["floor"] = f"{_ALONE} + {hidden}"
            figure["floor_seconds"] = statistics.median(floor)
            figure["times_floor"] = median_ratio(of_case, floor)
        figures.append(figure)
    traces = {rule: [rank["told"][rule]["spans"] for rank in ranks] for rule in rules}
    return figures, traces
