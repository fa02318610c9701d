# SPDX-License-Identifier: MIT
"""Ring and sharded all-reduce: every node holds the model, and no one serves.

every node   gradient of step t -> robust all-reduce -> the same update everywhere
"""

from __future__ import annotations

import torch

from byzccl.lab import adversary
from byzccl.lab.experiment import Experiment
from byzccl.lab.systems.aggregator import check_rule
from byzccl.lab.systems.byzantine import Liar
from byzccl.lab.systems.cast import Cast, Momentum
from byzccl.lab.systems.requests import AllReduce, Kind, Record, Role


class RobustAllReduce:
    """`ring` or `sharded`; they differ in what is sent, not in what comes out."""

    def __init__(self, name: str) -> None:
        self.name = name

    def check(self, e: Experiment) -> None:
        if e.quorum is not None:
            raise ValueError(f"{self.name} waits for all nodes: leave out quorum")
        if e.byzantine and e.attack == "silent":
            raise ValueError(f"{self.name} cannot go on without a node that is silent")
        if adversary.on_messages(e.attack) and e.engine == "simulated" and self.name != "ring":
            raise ValueError(
                f"{e.attack} acts on the messages of {self.name}: it needs engine = processes"
            )
        check_rule(e.rule_text, e.workers)

    def cast(self, e: Experiment) -> Cast:
        return Cast(e, servers=0)

    def observed(self, e: Experiment) -> tuple[int, ...]:
        return self.cast(e).honest_workers

    def notes(self, e: Experiment) -> list[str]:
        return []

    def node(self, e: Experiment, number: int, start: torch.Tensor) -> Role:
        cast = self.cast(e)
        return cast.played(number, reduce(cast, number, start))


def reduce(cast: Cast, number: int, start: torch.Tensor) -> Role:
    e = cast.experiment
    lies = cast.lies(number) and not adversary.on_messages(e.attack)
    liar = Liar(cast, number, Kind.GRADIENT, (), len(cast.honest_workers)) if lies else None
    momentum, model = Momentum(e.momentum), start.clone()
    previous: torch.Tensor | None = None
    for step in range(e.steps):
        if liar is None:
            sent = yield from cast.gradient(momentum, model, step)
            if not adversary.on_messages(e.attack):  # else nobody crafts from what it sees
                yield from cast.tell(number, Kind.GRADIENT, step, sent, ())
        else:
            sent = yield from liar.crafted(step)
        result = yield AllReduce(sent, step, previous)
        if result is not None:
            previous = result
            model = model - e.lr_at(step) * result
        yield Record(step + 1, model)
