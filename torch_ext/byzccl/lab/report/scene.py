# SPDX-License-Identifier: MIT
"""What is compared in one picture: runs of the same task, told apart by line and attack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from byzccl.lab.experiment import Experiment
from byzccl.lab.results import ATTACK, TASK, Result, by_attack, grouped, settings_of, telling

LINE = tuple(
    name for name in Experiment.__dataclass_fields__ if name not in (*TASK, *ATTACK, "seed")
)
SHORT = {"byzantine": "f", "byzantine_servers": "Byzantine servers", "gather_every": "T"}


@dataclass(frozen=True)
class Scene:
    """One task: lines (a rule in a system) by attacks, each over seeds."""

    title: str
    results: tuple[Result, ...]
    names: tuple[str, ...]  # the fields that tell lines apart
    every: tuple[str, ...]  # the lines of the whole report, which have one colour each

    def of(self, results: Iterable[Result]) -> Scene:
        """The same scene with some of its results."""
        return replace(self, results=tuple(results))

    def line(self, result: Result) -> str:
        """The name of the result's line: the same in all pictures of the report."""
        return label(result, self.names)

    def lines(self) -> dict[str, list[Result]]:
        return grouped(self.results, self.line)

    def attack_counts(self) -> dict[str, int]:
        """How many attacks each line has met, no attack among them."""
        return {line: len(set(map(by_attack, some))) for line, some in self.lines().items()}

    @property
    def attacks(self) -> list[str]:
        """No attack first."""
        found = list(dict.fromkeys(map(by_attack, self.results)))
        return sorted(found, key=lambda attack: attack != "none")


def label(result: Result, names: Iterable[str]) -> str:
    """Rule and system by their value alone, the other fields with their name."""
    parts = []
    for name in names:
        value = result.settings[name]
        if name in ("rule", "system", "engine", "graph"):
            parts.append(str(value))
        elif isinstance(value, bool):
            parts += [name] if value else [f"no {name}"]
        elif value is None:
            parts.append(f"{SHORT.get(name, name)} as it is")
        else:
            parts.append(f"{SHORT.get(name, name)} {value}")
    return ", ".join(parts)


def scenes(results: list[Result]) -> list[Scene]:
    """The results by task, in the order in which they came."""
    settings = settings_of(results)
    lines = telling(settings, ["system", *LINE])
    lines = ["rule", *(name for name in lines if name != "rule")]
    tasks = telling(settings, TASK)
    groups = grouped(results, lambda r: tuple(r.settings[name] for name in TASK))
    every = tuple(dict.fromkeys(label(result, lines) for result in results))
    return [
        Scene(label(some[0], tasks) or task(some[0]), tuple(some), tuple(lines), every)
        for some in groups.values()
    ]


def task(result: Result) -> str:
    s = result.settings
    return (
        f"{s['model']} on {s['data']}, {s['workers']} workers, {s['byzantine']} Byzantine, "
        f"{s['partition']}, {s['steps']} steps"
    )
