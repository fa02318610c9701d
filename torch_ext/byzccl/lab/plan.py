# SPDX-License-Identifier: MIT
"""What a sweep would run, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any

from byzccl.lab import code_version, data, model, partition
from byzccl.lab.experiment import Experiment
from byzccl.lab.store import Row, Store, key_of

NEW = "new"
CHANGED = "code changed"
FAILED = "failed before"
INTERRUPTED = "interrupted before"
RUNNING = "running elsewhere"
DONE = "done"


@dataclass(frozen=True)
class Planned:
    """One run of a sweep."""

    experiment: Experiment
    code: str
    why: str  # one of the above

    @property
    def settings(self) -> dict[str, Any]:
        return asdict(self.experiment)

    @property
    def key(self) -> str:
        return key_of(self.settings, self.code)


@dataclass(frozen=True)
class Refused:
    """A combination that cannot be run, such as one that the bound of its rule forbids."""

    experiment: Experiment
    why: str


@dataclass(frozen=True)
class Plan:
    runs: list[Planned]
    refused: list[Refused]

    def to_run(self) -> list[Planned]:
        return [run for run in self.runs if run.why != DONE]


def possible(experiments: Iterable[Experiment]) -> tuple[list[Experiment], list[Refused]]:
    """Those that can be run, each once, and the others.

    A value with which no combination can be run is a mistake and no bound: raises ValueError with
    the reason. So it does for data and models that cannot be had.
    """
    wanted = list(dict.fromkeys(experiments))
    good: list[Experiment] = []
    refused: list[Refused] = []
    for experiment in wanted:
        try:
            partition.parse(experiment.partition)
            good.append(experiment.checked())
        except ValueError as error:
            refused.append(Refused(experiment, str(error)))
    for field in fields(Experiment):
        alive = {getattr(experiment, field.name) for experiment in good}
        for one in refused:
            if getattr(one.experiment, field.name) not in alive:
                raise ValueError(one.why)
    for name, kind, seed in dict.fromkeys((e.data, e.model, 0) for e in good):
        dataset = data.load(name)
        model.build(kind, dataset.side, seed, dataset.channels, dataset.classes)
    return good, refused


def plan(good: list[Experiment], refused: list[Refused], store: Store | None) -> Plan:
    """The sweep over what possible() has found, given what the store has."""
    runs = []
    for experiment in good:
        code = code_version.version_of(asdict(experiment))
        earlier = store.of_settings(asdict(experiment)) if store else []
        runs.append(Planned(experiment, code, reason(earlier, code, store)))
    return Plan(runs, refused)


def reason(earlier: list[Row], code: str, store: Store | None) -> str:
    """Why a run with these settings and this code would run."""
    same = [row for row in earlier if row.code == code]
    if not same:
        return CHANGED if earlier else NEW
    (row,) = same
    if row.state != "begun":
        return DONE if row.state == "done" else FAILED
    return RUNNING if store is not None and store.running(row) else INTERRUPTED
