# SPDX-License-Identifier: MIT
"""The questions of the field, each one command: `python -m byzccl lab recipe NAME`."""

from __future__ import annotations

from byzccl.lab.recipes import (
    contraction,
    dumbbell,
    heterogeneity,
    momentum,
    resist,
    topologies,
)
from byzccl.lab.recipes.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    module.RECIPE.name: module.RECIPE
    for module in (resist, topologies, contraction, momentum, heterogeneity, dumbbell)
}
