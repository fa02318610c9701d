# SPDX-License-Identifier: MIT
"""An all-reduce among simulated nodes: what each of them sees, and so ends with."""

from __future__ import annotations

import re

import torch

from byzccl.lab.adversary import on_messages
from byzccl.lab.experiment import Experiment
from byzccl.lab.systems.aggregator import Aggregator
from byzccl.lab.systems.cast import Cast
from byzccl.lab.systems.requests import AllReduce, Heard


class Reduction:
    """Over the steps of a run. Nodes that see the same vectors share one aggregate."""

    def __init__(self, e: Experiment, cast: Cast) -> None:
        self.e, self.cast = e, cast
        self.waiting: dict[int, AllReduce] = {}

    def add(self, node: int, request: AllReduce) -> bool:
        """Whether all nodes have come."""
        self.waiting[node] = request
        return len(self.waiting) == len(self.cast.nodes)

    def lacking(self) -> str:
        """For whom the others wait, at the end of a run; empty if for nobody."""
        missing = [node for node in self.cast.nodes if node not in self.waiting]
        if not self.waiting:
            return ""
        step = next(iter(self.waiting.values())).step
        return f"step {step}: the all-reduce waits for {', '.join(map(str, missing))}"

    def results(self) -> tuple[dict[int, torch.Tensor | None], tuple[int, ...]]:
        """What each node ends with, and whom node 0 gave no weight. None: it failed closed."""
        wanted, self.waiting = self.waiting, {}
        nodes = tuple(sorted(wanted))
        rows = torch.stack([wanted[node].vector for node in nodes])
        step = wanted[nodes[0]].step
        results: dict[int, torch.Tensor | None] = {}
        left_out: tuple[int, ...] = ()
        done: list[tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]] = []
        for node in nodes:
            seen = self.seen_by(node, rows)
            previous = wanted[node].previous
            for other, before, result in done:
                if _same(other, seen) and _same(before, previous):
                    results[node] = result
                    break
            else:
                aggregator = Aggregator(self.e.rule_text)
                aggregator.previous = previous
                results[node], without = aggregator.combine(Heard(nodes, seen), step)
                done.append((seen, previous, results[node]))
                if node == 0:
                    left_out = without
        return results, left_out

    def seen_by(self, node: int, rows: torch.Tensor) -> torch.Tensor:
        """The vectors [n, d] as they reach `node` in the ring. A liar's factor is -scale.

        `equivocate`: all others hear its vector times the factor. `tamper`: what it relays, it
        relays times the factor: a vector comes from its origin through all nodes in between.
        """
        if not on_messages(self.e.attack):
            return rows
        n, factor = len(rows), -scale_of(self.e.attack)
        liars = self.cast.byzantine_workers
        seen = rows.clone()
        for origin in range(n):
            if self.e.attack.startswith("equivocate"):
                lies = int(origin in liars and origin != node)
            else:
                way = [(origin + k) % n for k in range(1, (node - origin) % n)]
                lies = sum(relay in liars for relay in way)
            for _ in range(lies):
                seen[origin] *= factor
        return seen

    def bytes_of_node(self, vector_bytes: int) -> int:
        """Of vectors, as docs/collectives.md counts them; headers left out."""
        n = len(self.cast.nodes)
        return (
            (n - 1) * vector_bytes if self.e.system == "ring" else 2 * (n - 1) * vector_bytes // n
        )


def _same(a: torch.Tensor | None, b: torch.Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return a is b or torch.equal(a, b)


def scale_of(attack: str) -> float:
    """`scale` of an attack on messages; 1 unless given."""
    match = re.search(r"scale\s*=\s*([^,)\s]+)", attack)
    return float(match[1]) if match else 1.0
