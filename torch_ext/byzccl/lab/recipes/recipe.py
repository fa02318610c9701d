# SPDX-License-Identifier: MIT
"""An experiment with a question: its runs, and the tables that answer it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from byzccl.lab.experiment import Experiment
from byzccl.lab.results import Mean, Result, grouped, mean_of
from byzccl.lab.tables import Cell, Table

SEEDS = (1, 2, 3)
QUICK: dict[str, Any] = {
    "data": "synthetic",
    "model": "logistic",
    "steps": 6,
    "batch": 8,
    "evaluations": 2,
}
"""What --quick changes: enough to see that a recipe runs, not what it shows."""


@dataclass(frozen=True)
class Recipe:
    """One command, `lab recipe NAME`, and what comes of it."""

    name: str
    title: str
    question: str
    runs: list[Experiment]  # of one seed
    tables: Callable[[list[Result]], list[Table]]
    source: str  # what was published, and where

    def experiments(self, quick: bool) -> list[Experiment]:
        if quick:
            return [replace(e, **QUICK) for e in self.runs]
        return [replace(e, seed=seed) for e in self.runs for seed in SEEDS]

    def results(self, done: list[Result], quick: bool) -> list[Result]:
        """Its own among all that are done, in the order of its runs."""
        wanted = {e: k for k, e in enumerate(self.experiments(quick))}
        mine = [result for result in done if result.experiment in wanted]
        return sorted(mine, key=lambda result: wanted[result.experiment])


def grid(base: Experiment, **lists: list[Any]) -> list[Experiment]:
    """Every combination of the values, the last field varying fastest."""
    return [
        replace(base, **dict(zip(lists, chosen, strict=True)))
        for chosen in itertools.product(*lists.values())
    ]


Label = Callable[[Result], str]


def pivot(
    results: list[Result],
    title: str,
    corner: str,
    row: Label,
    column: Label,
    note: str = "",
    worst: bool = True,
) -> Table:
    """Mean accuracy over seeds in percent; behind them the least of each row where `worst`."""
    columns = list(dict.fromkeys(column(result) for result in results))
    rows = []
    for name, mine in grouped(results, row).items():
        cells = grouped(mine, column)
        means: list[Mean | None] = [mean_of(cells[c]) if c in cells else None for c in columns]
        texts = [Cell("-" if mean is None else mean.text) for mean in means]
        if worst:
            least = min((mean for mean in means if mean is not None), key=lambda m: m.value)
            texts.append(Cell(least.text))
        rows.append([Cell(name), *texts])
    head = [corner, *columns, *(["worst"] if worst else [])]
    return Table(title, head, rows, note)


def attack_of(result: Result) -> str:
    return "no attack" if result.attack == "none" else result.attack


def rule_of(result: Result) -> str:
    return str(result.settings["rule"])
