# SPDX-License-Identifier: MIT
"""One training run: what is asked for, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import byzccl

# Plain DistributedDataParallel: torch's own all-reduce, no byzccl in the path.
BASELINE = "mean"


@dataclass(frozen=True)
class Settings:
    """What all runs of an experiment share."""

    workers: int = 8
    byzantine: int = 2
    steps: int = 100
    batch: int = 64
    lr: float = 0.1
    momentum: float = 0.9
    model: str = "cnn"
    algorithm: str = "sharded"
    seed: int = 1
    evaluations: int = 10
    data: str = "auto"


@dataclass(frozen=True)
class Run:
    """One rule under one attack. The Byzantine ranks are the last ones."""

    rule: str
    attack: str
    byzantine: list[int]


@dataclass
class Result:
    """What one run gave. Accuracies are fractions of the test pictures."""

    rule: str
    attack: str
    byzantine: list[int]
    workers: int
    curve: list[tuple[int, float]] = field(default_factory=list)  # (step, accuracy)
    accuracy: float = 0.0  # after the last step
    # Net share of each rank, [steps][workers]; empty for rules that decide per coordinate.
    weights: list[list[float]] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)  # [workers] steps in which a rank had none
    failed_steps: int = 0  # steps in which the rule failed closed
    bytes_sent: int = 0  # by rank 0
    seconds: float = 0.0  # of training, evaluation left out
    replicas_identical: bool = True  # every rank but those that lie in messages: the same bits
    losses: list[float] = field(default_factory=list)  # of rank 0, one a step

    @property
    def steps_per_second(self) -> float:
        return len(self.losses) / self.seconds if self.seconds else 0.0

    def honest(self) -> list[int]:
        return [rank for rank in range(self.workers) if rank not in self.byzantine]

    def exclusion(self, ranks: list[int]) -> float:
        """Mean fraction of the steps in which these ranks had no weight."""
        if not ranks or not self.weights:
            return 0.0
        return sum(self.excluded[rank] for rank in ranks) / len(ranks) / len(self.weights)

    def byzantine_share(self) -> float:
        """Mean share of the update that the Byzantine ranks had."""
        if not self.weights:
            return 0.0
        total = sum(step[rank] for step in self.weights for rank in self.byzantine)
        return total / len(self.weights)


def fit(name: str, workers: int, byzantine: int) -> tuple[str, int]:
    """The rule `name` with the largest f <= byzantine that its bound on n allows, and that f.

    A rule that is written with parameters stays as it is, and meets all Byzantine ranks: more than
    its f, if so wanted.
    """
    if name == BASELINE or "(" in name:
        return name, byzantine
    known = {rule.name: rule.bound for rule in byzccl.rules()}
    if name not in known:
        raise ValueError(f'unknown rule "{name}"; known: {", ".join(known)}')
    bound = re.fullmatch(r"n >= (\d+) f \+ (\d+)", known[name])
    f = byzantine
    if bound:
        f = min(f, (workers - int(bound.group(2))) // int(bound.group(1)))
    if f < 0:
        raise ValueError(f"{name} needs {known[name]}, got n = {workers}")
    return f"{name}(f={f})", f
