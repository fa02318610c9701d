# SPDX-License-Identifier: MIT
"""`lab recipe`: does the runs of a recipe that are not done yet, and answers its question."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from byzccl.lab import plan, shown
from byzccl.lab import sweep as sweeping
from byzccl.lab.environment import environment
from byzccl.lab.recipes import RECIPES
from byzccl.lab.recipes.recipe import Recipe
from byzccl.lab.results import done
from byzccl.lab.store import Store
from byzccl.lab.tables import Table


def add_arguments(parser: argparse.ArgumentParser, cores: int) -> None:
    add = parser.add_argument
    add("names", nargs="+", choices=(*RECIPES, "all"), metavar="NAME",
        help="all, or some of: " + ", ".join(RECIPES))  # fmt: skip
    add("--quick", action="store_true", help="a few steps on synthetic data: shows that it runs")
    add("--parallel", type=int, default=cores, metavar="N", help="runs at a time")
    add("--markdown", type=Path, metavar="FILE", help="write questions and tables there, too")


def recipe(names: list[str], quick: bool, parallel: int, path: Path) -> dict[str, Any]:
    """What each recipe found: title, question, source, tables, runs, seconds."""
    chosen = list(RECIPES.values()) if "all" in names else [RECIPES[name] for name in names]
    found: dict[str, Any] = {"environment": environment(), "quick": quick, "recipes": []}
    for one in chosen:
        begin = time.monotonic()
        experiments = one.experiments(quick)
        with Store(path) as store:
            planned = plan.plan(*plan.possible(experiments), store)
        with shown.Bars(planned) as bars:
            sweeping.sweep(path, planned.runs, parallel, 1, watch=bars.watch)
        with Store(path) as store:
            found["recipes"].append(_answer(one, store, quick, time.monotonic() - begin))
    return found


def _answer(one: Recipe, store: Store, quick: bool, seconds: float) -> dict[str, Any]:
    results = one.results(done(store), quick)
    early = [r.outcome["failed"] for r in results if r.ended_early]
    return {
        "name": one.name, "title": one.title, "question": one.question, "source": one.source,
        "wanted": len(one.experiments(quick)), "runs": len(results), "ended_early": early,
        "seconds": seconds, "tables": [asdict(table) for table in one.tables(results)],
    }  # fmt: skip


def markdown(found: dict[str, Any]) -> str:
    """The answers as a part of docs/results.md."""
    parts = []
    for one in found["recipes"]:
        quick = " --quick" if found["quick"] else ""
        parts.append(
            f"## {one['title']}\n\n{one['question']}\n\n"
            f"    python -m byzccl lab recipe {one['name']}{quick}\n\n"
            f"{one['runs']} runs, {one['seconds'] / 60:.0f} min.\n"
        )
        for content in one["tables"]:
            parts.append(markdown_table(content))
        parts.append(f"Published: {one['source']}\n")
    return "\n".join(parts)


def markdown_table(content: dict[str, Any]) -> str:
    rows = [content["head"], *([cell["text"] for cell in row] for row in content["rows"])]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|" + "---:|" * (len(content["head"]) - 1))
    note = f"\n{content['note']}\n" if content["note"] else ""
    return f"**{content['title']}**\n\n" + "\n".join(lines) + "\n" + note


def table_of(content: dict[str, Any]) -> Table:
    from byzccl.lab.tables import Cell

    rows = [[Cell(**cell) for cell in row] for row in content["rows"]]
    return Table(content["title"], content["head"], rows, content["note"])
