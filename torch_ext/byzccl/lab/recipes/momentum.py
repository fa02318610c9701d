# SPDX-License-Identifier: MIT
"""Worker momentum and nearest-neighbour mixing against attacks that hide in the spread."""

from __future__ import annotations

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes.recipe import Recipe, grid, pivot, rule_of
from byzccl.lab.results import Result
from byzccl.lab.tables import Table

BASE = Experiment(workers=15, byzantine=4, steps=150, lr=0.3, partition="dirichlet(alpha=1)")
RULES = ["krum", "nnm+krum", "median", "nnm+median", "trimmed_mean", "nnm+trimmed_mean"]


def tables(results: list[Result]) -> list[Table]:
    return [
        pivot(
            [r for r in results if r.attack == attack], f"Accuracy under {attack}, in percent",
            "rule", rule_of, lambda r: f"momentum {r.settings['momentum']:g}", worst=False,
        )
        for attack in dict.fromkeys(r.attack for r in results)
    ]  # fmt: skip


RECIPE = Recipe(
    name="momentum",
    title="Momentum and NNM against ALIE",
    question="Do momentum at the workers and mixing with nearest neighbours help?",
    runs=grid(BASE, attack=["alie(z=1.5)", "optimal_alie"], rule=RULES, momentum=[0.0, 0.9, 0.99]),
    tables=tables,
    source="Karimireddy, He, Jaggi, ICML 2021 (momentum) and Allouah et al., AISTATS 2023 (NNM) "
    "report that both are needed under ALIE; their models are larger.",
)
