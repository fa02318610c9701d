# SPDX-License-Identifier: MIT
"""Results from a store, and how they belong together: seeds of one run, attacks on one rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from byzccl.lab.experiment import Experiment
from byzccl.lab.store import Store

ATTACK = ("attack", "server_attack")
HYPER = ("lr", "momentum", "schedule", "batch")
"""What is chosen for a rule, as ByzFL's benchmark chooses learning rate and momentum."""
TASK = ("data", "model", "workers", "byzantine", "partition", "steps", "evaluations")
"""What the things that are compared must share. All other fields tell them apart."""

Settings = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """One run that is done."""

    settings: Settings
    outcome: dict[str, Any]

    @property
    def accuracy(self) -> float:
        """A fraction; 0 where the run ended early, whatever it had reached."""
        return 0.0 if self.ended_early else float(self.outcome["accuracy"] or 0.0)

    @property
    def ended_early(self) -> bool:
        return bool(self.outcome.get("failed"))

    @property
    def attack(self) -> str:
        own, servers = self.settings["attack"], self.settings["server_attack"]
        return own if servers in (None, own) else f"{own}, servers {servers}"

    @cached_property
    def experiment(self) -> Experiment:
        return Experiment(**self.settings)

    def without(self, fields: Iterable[str]) -> tuple[tuple[str, Any], ...]:
        """All settings but these, to group by."""
        left_out = set(fields)
        return tuple((k, v) for k, v in sorted(self.settings.items()) if k not in left_out)


def done(store: Store) -> list[Result]:
    """The runs that are done, once each: of the same settings, what the newest code gave."""
    defaults = asdict(Experiment())
    found: dict[str, Result] = {}
    for row in store.rows():
        if row.state == "done" and row.outcome is not None:
            known = {name: row.settings.get(name, value) for name, value in defaults.items()}
            found[repr(sorted(known.items(), key=lambda item: item[0]))] = Result(
                known, row.outcome
            )
    return list(found.values())


def grouped(results: Iterable[Result], key: Callable[[Result], Any]) -> dict[Any, list[Result]]:
    """By key, in the order of their first result."""
    groups: dict[Any, list[Result]] = {}
    for result in results:
        groups.setdefault(key(result), []).append(result)
    return groups


def differing(settings: Iterable[Settings], fields: Iterable[str]) -> list[str]:
    """Those of the fields that have several values."""
    known = list(settings)
    return [name for name in fields if len({repr(one[name]) for one in known}) > 1]


def telling(settings: Iterable[Settings], fields: Iterable[str]) -> list[str]:
    """Fields that tell the settings apart as well as all of the fields do, the first ones first.

    One that changes only where others change too, such as the graph with the system, is left out.
    """
    known = list(settings)
    found: list[str] = []
    count = 1
    for name in fields:
        split = len({repr([one[n] for n in (*found, name)]) for one in known})
        if split > count:
            found, count = [*found, name], split
    return found


def settings_of(results: Iterable[Result]) -> list[Settings]:
    return [result.settings for result in results]


@dataclass(frozen=True)
class Mean:
    """Accuracy over seeds, as fractions."""

    value: float
    deviation: float  # of the sample; 0 for one seed
    seeds: int
    ended_early: int  # runs among them that ended early

    @property
    def text(self) -> str:
        """In percent."""
        error = f" ± {100 * self.deviation:.1f}" if self.seeds > 1 else ""
        return f"{100 * self.value:.1f}{error}"


def mean_of(results: list[Result]) -> Mean:
    """Over the seeds of what is otherwise one run. Several runs of a seed have equal say."""
    values = [result.accuracy for result in results]
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    early = sum(result.ended_early for result in results)
    return Mean(float(np.mean(values)), deviation, len(values), early)


def worst_of(results: list[Result]) -> tuple[str, Mean]:
    """The attack with the least mean over seeds, and that mean."""
    means = {attack: mean_of(some) for attack, some in grouped(results, by_attack).items()}
    return min(means.items(), key=lambda item: item[1].value)


def by_attack(result: Result) -> str:
    return result.attack


def heterogeneity(partition: str) -> tuple[int, float, str]:
    """Sorts partitions from alike to skewed."""
    from byzccl.lab.partition import parse

    name, numbers = parse(partition)
    order = ("iid", "gamma", "dirichlet", "per_label", "extreme").index(name)
    return order, -next(iter(numbers.values()), 0.0), partition


def finite(value: Any) -> float:
    """A number of JSON, where null stands for one that is not finite."""
    return math.nan if value is None else float(value)
