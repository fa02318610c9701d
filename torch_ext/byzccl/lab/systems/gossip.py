# SPDX-License-Identifier: MIT
"""Gossip: every node has a model of its own and talks to its neighbours in a graph alone.

    every node   half = model - lr * its own gradient
    every node   half -> every neighbour
    every node   model = a robust mix of its own half and those of its neighbours

LEARN (`learn`) sends gradients first, lets neighbours agree on them in rounds whose number grows
with the logarithm of the step, then mixes models: El-Mhamdi et al., "Collaborative Learning in the
Jungle", NeurIPS 2021.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from byzccl.lab import graph
from byzccl.lab.adversary import asks_rule
from byzccl.lab.experiment import Experiment
from byzccl.lab.systems.aggregator import Aggregator
from byzccl.lab.systems.byzantine import LiarAmongNeighbours
from byzccl.lab.systems.cast import Cast, Momentum
from byzccl.lab.systems.mixing import Mixer, check_mixing, is_of_gossip
from byzccl.lab.systems.parameter_server import check_quorum
from byzccl.lab.systems.requests import (
    Collect,
    Excluded,
    Heard,
    Kind,
    Overtaken,
    Part,
    QuorumLost,
    Record,
    Role,
)

ROUNDS = 64
"""More than the rounds of agreement in any step: a round's number is step * ROUNDS + round."""


class Gossip:
    """Nodes are workers; there are no servers."""

    name = "gossip"

    def check(self, e: Experiment) -> None:
        found = graph.parse(e.graph, e.workers)
        check_quorum("quorum", e.quorum, 1, e.workers - 1)
        check_mixing(e, found)
        if is_of_gossip(e.rule) and asks_rule(e.attack):
            raise ValueError(f"{e.attack} tries its vectors on a rule of byzccl, got {e.rule}")
        if e.learn and is_of_gossip(e.rule):
            raise ValueError(f"learn combines gradients by a rule of byzccl, got {e.rule}")
        honest = found.without(self.cast(e).byzantine_workers)
        if not honest.is_connected():
            raise ValueError(
                f"without its {e.byzantine} Byzantine nodes {e.graph} is not connected: "
                "no rule can bring the honest ones together"
            )

    def cast(self, e: Experiment) -> Cast:
        return Cast(e, servers=0)

    def observed(self, e: Experiment) -> tuple[int, ...]:
        return self.cast(e).honest_workers

    def notes(self, e: Experiment) -> list[str]:
        found = graph.parse(e.graph, e.workers)
        degrees = sorted(len(others) for others in found.neighbours)
        return [
            f"{e.graph}: degrees {degrees[0]} to {degrees[-1]}, spectral gap "
            f"{found.spectral_gap():.4f}"
        ]

    def node(self, e: Experiment, number: int, start: torch.Tensor) -> Role:
        cast = self.cast(e)
        found = graph.parse(e.graph, e.workers)
        if cast.lies(number):
            return lie(cast, found, number)
        return cast.played(number, Peer(cast, found, number).run(start))


class Peer:
    """An honest node."""

    def __init__(self, cast: Cast, found: graph.Graph, number: int) -> None:
        self.cast, self.e, self.number = cast, cast.experiment, number
        self.neighbours = found.neighbours[number]
        self.mixer = Mixer(self.e, found, number)

    def run(self, start: torch.Tensor) -> Role:
        e = self.e
        momentum, model = Momentum(e.momentum), start.clone()
        step = 0
        while step < e.steps:
            try:
                gradient = yield from self.cast.gradient(momentum, model, step)
                if e.learn:
                    gradient = yield from self.agree(gradient, step)
                half = model - e.lr_at(step) * gradient
                heard = yield from self.exchange(Kind.MODEL, step, half)
            except Overtaken as gone:
                step = max(step + 1, gone.step)
                continue
            model, left_out = self.mixer.mix(heard, step)
            yield Excluded(left_out)
            yield Record(step + 1, model)
            step += 1

    def exchange(self, kind: Kind, number: int, vector: torch.Tensor) -> Part:
        """Tells the neighbours and hears them. Fewer than a quorum may be gone: the f, at most."""
        yield from self.cast.tell(self.number, kind, number, vector, self.neighbours)
        q = 1 + min(len(self.neighbours), self.e.quorum or len(self.neighbours))
        sources = tuple(sorted((*self.neighbours, self.number)))
        heard: Heard = yield Collect(
            kind, number, sources, q, max(1, q - self.e.declared_f), own=vector
        )
        return heard

    def agree(self, gradient: torch.Tensor, step: int) -> Part:
        """LEARN: the aggregate of gradients, then rounds in which neighbours agree on it."""
        aggregator = Aggregator(self.e.rule_text)
        heard = yield from self.exchange(Kind.GRADIENT, step, gradient)
        result, _ = aggregator.combine(heard, step, heard.nodes.index(self.number))
        for turn in range(rounds_of(step)):
            mine = gradient if result is None else result
            with in_steps():
                heard = yield from self.exchange(Kind.AGREEMENT, step * ROUNDS + turn, mine)
            result, _ = aggregator.combine(heard, step, heard.nodes.index(self.number))
        return gradient if result is None else result


@contextmanager
def in_steps() -> Iterator[None]:
    """Who is overtaken in a round of agreement goes on with a step."""
    try:
        yield
    except Overtaken as gone:
        raise Overtaken(gone.step // ROUNDS) from None


def rounds_of(step: int) -> int:
    """ceil(log2(t + 1)) for step t, which counts from 1."""
    return math.ceil(math.log2(step + 2))


def lie(cast: Cast, found: graph.Graph, number: int) -> Role:
    """A Byzantine node: it sees all honest ones, and lies to its neighbours."""
    e = cast.experiment
    models, gradients, agreements = (
        LiarAmongNeighbours(cast, number, kind, found)
        for kind in (Kind.MODEL, Kind.GRADIENT, Kind.AGREEMENT)
    )
    step = 0
    while step < e.steps:
        try:
            if e.learn:
                yield from gradients.lie(step)
                for turn in range(rounds_of(step)):
                    with in_steps():
                        yield from agreements.lie(step * ROUNDS + turn)
            yield from models.lie(step)
            step += 1
        except Overtaken as gone:
            step = max(step + 1, gone.step)
        except QuorumLost:
            return  # the honest ones have ended
