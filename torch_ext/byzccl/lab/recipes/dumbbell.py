# SPDX-License-Identifier: MIT
"""Gossip: the dissensus attack, and a graph with a bottleneck."""

from __future__ import annotations

from dataclasses import replace

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes.recipe import Recipe, grid, pivot, rule_of
from byzccl.lab.results import Result, grouped
from byzccl.lab.tables import Cell, Table

BASE = Experiment(system="gossip", workers=16, byzantine=0, steps=150, lr=0.2, momentum=0.9)
RULES = ["metropolis", "self_clip", "trimmed_mean", "geometric_median", "monna"]
BOTTLENECK = grid(replace(BASE, graph="dumbbell", partition="extreme", f=1), rule=RULES)
DISSENSUS = [
    replace(BASE, byzantine=f, rule=rule, attack="dissensus(scale=1.5)" if f else "none")
    for rule in RULES
    for f in (0, 1, 2, 3, 4)
]  # fmt: skip


def tables(results: list[Result]) -> list[Table]:
    rows = []
    for name, mine in grouped(
        [r for r in results if r.settings["graph"] == "dumbbell"], rule_of
    ).items():
        halves = []
        for part in (range(8), range(8, 16)):
            values = [
                value for r in mine for node, value in r.outcome["node_accuracy"].items()
                if int(node) in part
            ]  # fmt: skip
            halves.append(100 * sum(values) / len(values) if values else 0.0)
        spread = [r.outcome["spread"][-1] or 0.0 for r in mine if r.outcome["spread"]]
        mean = sum(spread) / len(spread) if spread else 0.0
        rows.append([Cell(name), *(Cell(f"{half:.1f}") for half in halves), Cell(f"{mean:.3g}")])
    head = ["rule", "first half, %", "second half, %", "spread at the end"]
    note = "The halves hold different labels, and one edge joins them; no node lies."
    return [
        pivot(
            [r for r in results if r.settings["graph"] == "complete"],
            "Accuracy under dissensus on a complete graph of 16, in percent", "rule", rule_of,
            lambda r: f"{r.settings['byzantine']} of 16", worst=False,
        ),
        Table("A dumbbell of 16 nodes with different data", head, rows, note),
    ]  # fmt: skip


RECIPE = Recipe(
    name="gossip",
    title="Gossip: dissensus, and a dumbbell",
    question="Do nodes still agree when liars pull them apart, or when one edge joins two halves?",
    runs=[*DISSENSUS, *BOTTLENECK],
    tables=tables,
    source="He, Karimireddy, Jaggi, 2022, as recorded in their repository (MNIST): dissensus with "
    "a Byzantine weight of 0 / .0625 / .125 / .1875 / .25 leaves 88.7 / 77.6 / 45.5 / 20.4 / 19.4; "
    "on the dumbbell, non-iid, each clique's model has 69/76 (gossip), 71/73 (clipping), 51/47 "
    "(geometric median, trimmed mean, MOZI).",
)
