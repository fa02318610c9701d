# SPDX-License-Identifier: MIT
"""The recipes: every run is possible, and the tables say what the runs gave."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from byzccl.lab.experiment import Experiment
from byzccl.lab.recipes import RECIPES, contraction
from byzccl.lab.recipes.recipe import SEEDS, pivot, rule_of
from byzccl.lab.results import Result


@pytest.mark.parametrize("name", RECIPES)
def test_every_run_is_possible(name: str) -> None:
    recipe = RECIPES[name]
    assert len(SEEDS) >= 3 and len(recipe.experiments(False)) == len(SEEDS) * len(recipe.runs)
    assert len(set(recipe.experiments(False))) == len(recipe.experiments(False))
    for experiment in recipe.experiments(False):
        experiment.checked()


def made_up(recipe: str) -> list[Result]:
    """A result for every run, whose accuracy is told by its seed and rule."""
    results = []
    for e in RECIPES[recipe].experiments(False):
        accuracy = 0.7 + 0.05 * e.seed
        results.append(Result(asdict(e), {
            "accuracy": accuracy, "curve": [[0, 0.0, 0.1], [10 * e.seed, 1.0, accuracy]],
            "spread": [0.5, 0.25], "bytes_sent": 1000 * e.steps, "messages": e.steps,
            "seconds": 2.0, "node_accuracy": {str(k): 0.6 for k in range(e.workers)},
            "failed": None,
        }))  # fmt: skip
    return results


@pytest.mark.parametrize("name", RECIPES)
def test_tables(name: str) -> None:
    tables = RECIPES[name].tables(made_up(name))
    assert tables
    for table in tables:
        assert table.rows and all(len(row) == len(table.head) for row in table.rows)


def test_a_pivot_has_means_over_seeds_and_the_worst_of_each_row() -> None:
    results = [
        Result(
            asdict(Experiment(rule=rule, attack=attack, seed=seed)),
            {"accuracy": base + 0.01 * seed, "failed": None},
        )
        for rule, attack, base in (("krum", "none", 0.8), ("krum", "nan", 0.4))
        for seed in (1, 2, 3)
    ]
    table = pivot(results, "title", "rule", rule_of, lambda r: r.attack)
    assert table.head == ["rule", "none", "nan", "worst"]
    assert [cell.text for cell in table.rows[0]] == [
        "krum",
        "82.0 ± 1.0",
        "42.0 ± 1.0",
        "42.0 ± 1.0",
    ]


def test_overheads_are_told_against_plain_sgd() -> None:
    convergence, throughput = contraction.tables(made_up("contraction"))
    assert [cell.text for cell in convergence.rows[0]][2:4] == ["20", "+0 %"]
    assert throughput.rows[0][2].text == "+0 %"


def test_a_quick_recipe_from_the_command_line(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    done = subprocess.run(
        [sys.executable, "-m", "byzccl", "lab", "recipe", "momentum", "--quick",
         "--out", str(tmp_path), "--json", "--markdown", str(page)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["name"] for one in found["recipes"]] == ["momentum"]
    assert all(one["runs"] == one["wanted"] and not one["ended_early"] for one in found["recipes"])
    assert "**Accuracy under optimal_alie, in percent**" in page.read_text()
