# SPDX-License-Identifier: MIT
"""Robust rules when workers hold different data."""

from __future__ import annotations

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes.recipe import Recipe, grid, pivot, rule_of
from byzccl.lab.results import Result
from byzccl.lab.tables import Table

BASE = Experiment(workers=10, byzantine=2, steps=150, lr=0.2, momentum=0.9)
PARTITIONS = [
    "iid",
    "gamma(similarity=0.5)",
    "dirichlet(alpha=1)",
    "dirichlet(alpha=0.1)",
    "extreme",
]


def tables(results: list[Result]) -> list[Table]:
    return [
        pivot(
            [r for r in results if r.attack == attack],
            f"Accuracy {'without attack' if attack == 'none' else 'under ' + attack}, in percent",
            "rule", rule_of, lambda r: str(r.settings["partition"]), worst=False,
        )
        for attack in dict.fromkeys(r.attack for r in results)
    ]  # fmt: skip


RECIPE = Recipe(
    name="heterogeneity",
    title="Heterogeneous data",
    question="How much of a rule's accuracy is left when workers hold different labels?",
    runs=grid(
        BASE, attack=["none", "mimic", "alie(z=1.5)"],
        rule=[
            "mean", "krum", "median", "trimmed_mean", "nnm+trimmed_mean", "bucketing(s=2)+median",
        ],
        partition=PARTITIONS,
    ),
    tables=tables,
    source="Karimireddy, He, Jaggi, ICLR 2022 (bucketing, mimic) and Allouah et al., 2023 (NNM): "
    "plain robust rules lose accuracy on heterogeneous data even without attackers.",
)  # fmt: skip
