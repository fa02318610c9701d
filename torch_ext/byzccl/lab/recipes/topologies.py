# SPDX-License-Identifier: MIT
"""Ring, parameter server and gossip at equal n and f."""

from __future__ import annotations

from dataclasses import replace

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes.recipe import Recipe, attack_of, grid, pivot
from byzccl.lab.results import Result, grouped
from byzccl.lab.tables import Cell, Table

BASE = Experiment(workers=10, byzantine=2, steps=120, lr=0.2, momentum=0.9)
ATTACKS = ["none", "sign_flip(scale=10)", "alie(z=1.5)", "ipm(scale=0.5)", "min_max"]
RULES = ["mean", "mda", "trimmed_mean", "nnm+krum"]


def system_of(result: Result) -> str:
    graph = f", {result.settings['graph']}" if result.settings["system"] == "gossip" else ""
    return f"{result.settings['system']}{graph}: {result.settings['rule']}"


def tables(results: list[Result]) -> list[Table]:
    head = ["system", "MB a step, honest nodes", "messages a step", "spread at the end"]
    rows = []
    for name, mine in grouped(results, system_of).items():
        one = next((r for r in mine if r.attack == "none"), mine[0])
        steps = one.settings["steps"]
        megabytes = one.outcome["bytes_sent"] / steps / 1e6
        spread = one.outcome["spread"][-1] if one.outcome["spread"] else None
        rows.append([
            Cell(name), Cell(f"{megabytes:.2f}"), Cell(f"{one.outcome['messages'] / steps:.0f}"),
            Cell("-" if spread is None else f"{spread:.3g}"),
        ])  # fmt: skip
    return [
        pivot(results, "Accuracy of honest nodes, in percent", "system", system_of, attack_of),
        Table("What it costs, without attack", head, rows, "An all-reduce counts no messages."),
    ]


RECIPE = Recipe(
    name="topologies",
    title="Ring, parameter server and gossip",
    question="What does it cost to trust no server, at equal n and f?",
    runs=[
        *grid(replace(BASE, system="ring"), rule=RULES, attack=ATTACKS),
        *grid(replace(BASE, system="parameter_server"), rule=RULES, attack=ATTACKS),
        *grid(
            replace(BASE, system="gossip", graph="complete"),
            rule=["metropolis", "self_clip", "monna", "trimmed_mean"], attack=ATTACKS,
        ),
        *grid(
            replace(BASE, system="gossip", graph="random(degree=6,seed=1)"),
            rule=["metropolis", "self_clip", "monna"], attack=ATTACKS,
        ),
    ],
    tables=tables,
    source="The comparison that the second document behind this library asks for; no figures to "
    "hold against.",
)  # fmt: skip
