# SPDX-License-Identifier: MIT
"""Krum, Brute and Bulyan in ring all-reduce under injected adversaries: which resists best?"""

from __future__ import annotations

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes.recipe import Recipe, attack_of, grid, pivot, rule_of
from byzccl.lab.results import Result
from byzccl.lab.tables import Table

ATTACKS = [
    "none", "sign_flip(scale=10)", "gaussian(sigma=10)", "alie(z=1.5)", "ipm(scale=0.5)",
    "min_max", "optimal_alie", "nan", "label_flip", "tamper",
]  # fmt: skip
BASE = Experiment(system="ring", workers=11, byzantine=2, steps=120, lr=0.2, momentum=0.9)


def tables(results: list[Result]) -> list[Table]:
    note = "Brute is mda: the mean of the n - f gradients that lie closest together."
    return [
        pivot(results, "Accuracy in ring all-reduce, in percent", "rule", rule_of, attack_of, note)
    ]


RECIPE = Recipe(
    name="resist",
    title="Krum, Brute, Bulyan and the mean in ring all-reduce",
    question="Which rule resists best under each adversary?",
    runs=grid(BASE, rule=["mean", "krum", "mda", "bulyan"], attack=ATTACKS),
    tables=tables,
    source="Yerrapragada, KTH 2021, asks this question; of its answers only the abstract could be "
    "read, without figures.",
)
