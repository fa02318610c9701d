# SPDX-License-Identifier: MIT
"""What the lab's commands show: as content for JSON, as text, and while they go on."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from byzccl.lab.experiment import Experiment
from byzccl.lab.plan import DONE, Plan, Planned
from byzccl.lab.results import telling
from byzccl.lab.store import Row, Store

Content = dict[str, Any]


def names_of(settings: Iterable[Content]) -> list[str]:
    """The fields by which the runs are called."""
    defaults = asdict(Experiment())
    return telling([{**defaults, **one} for one in settings], defaults)


def label(settings: Content, names: list[str]) -> str:
    return ", ".join(f"{name} {settings[name]}" for name in names) or "the run"


class Bar:
    """The progress of one run, on the terminal unless JSON is asked for."""

    def __init__(self, silent: bool, experiment: Experiment) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TimeRemainingColumn(),
            console=Console(stderr=True), disable=silent, auto_refresh=False,
        )  # fmt: skip
        self._task = self._progress.add_task("steps", total=experiment.steps)

    def step(self, step: int, accuracy: float) -> None:
        text = "steps" if math.isnan(accuracy) else f"accuracy {100 * accuracy:.1f} %"
        self._progress.update(self._task, completed=step, description=text, refresh=True)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class Bars:
    """The progress of a sweep on standard error. No thread of its own: runs are forked beside."""

    def __init__(self, plan: Plan) -> None:
        runs = plan.to_run()
        self._names = names_of(run.settings for run in plan.runs)
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            console=self._console, auto_refresh=False,
        )  # fmt: skip
        self._steps = {run.key: 0 for run in runs}
        total = sum(run.experiment.steps for run in runs)
        self._task = self._progress.add_task("steps", total=total)
        self._ended, self._count = 0, len(runs)
        self._begun: dict[str, float] = {}

    def watch(self, run: Planned, steps: int, state: str) -> None:
        self._begun.setdefault(run.key, time.monotonic())
        self._steps[run.key] = run.experiment.steps if state in (DONE, "failed") else steps
        if state in (DONE, "failed"):
            self._ended += 1
            seconds = time.monotonic() - self._begun[run.key]
            self._console.print(
                f"{self._ended:4}/{self._count} {state} after {seconds:.1f} s: "
                f"{label(run.settings, self._names)}",
                markup=False, highlight=False, soft_wrap=True,
            )  # fmt: skip
        self._progress.update(
            self._task, completed=sum(self._steps.values()),
            description=f"{self._ended} of {self._count} runs, steps", refresh=True,
        )  # fmt: skip

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def outcome(content: Content, out: Path) -> str:
    """One run in a few lines."""
    lines = [
        f"{content['system']} ({content['engine']}), {content['rule']} against "
        f"{content['attack']}: accuracy {100 * (content['accuracy'] or 0):.1f} % after "
        f"{content['seconds']:.1f} s, {content['bytes_sent'] / 1e6:.1f} MB sent"
    ]
    if content["spread"]:
        lines.append(f"largest distance of two honest models at the end: {content['spread'][-1]}")
    lines += content.get("notes", [])
    if content.get("failed"):
        lines.append(f"ended early: {content['failed']}")
    return "\n".join([*lines, f"kept in {out}"])


def brief(row: Row, names: list[str]) -> Content:
    found = row.outcome or {}
    return {
        "key": row.key, "state": row.state, "settings": {k: row.settings.get(k) for k in names},
        "accuracy": found.get("accuracy"), "seconds": found.get("seconds"),
        "failed": found.get("failed") or first_line(row.error), "attempts": row.attempts,
    }  # fmt: skip


def first_line(text: str | None) -> str | None:
    return text.partition("\n")[0] if text else None


def refused_ones(plan: Plan) -> list[Content]:
    refused = [asdict(one.experiment) for one in plan.refused]
    names = names_of([*refused, *(run.settings for run in plan.runs)])
    return [
        {"settings": {name: settings[name] for name in names}, "why": one.why}
        for one, settings in zip(plan.refused, refused, strict=True)
    ]


def swept(plan: Plan, store: Store) -> Content:
    names = names_of(run.settings for run in plan.runs)
    rows = [row for run in plan.runs if (row := store.row(run.key)) is not None]
    return {
        "runs": [brief(row, names) for row in rows],
        "done": sum(row.state == "done" for row in rows),
        "failed": sum(row.state != "done" for row in rows),
        "done_before": sum(run.why == DONE for run in plan.runs),
        "refused": refused_ones(plan),
    }


def swept_text(content: Content, out: Path) -> str:
    lines = [
        f"{content['done']} runs done, {content['done_before']} of them before; "
        f"{content['failed']} failed. lab report --out {out} makes a page of all results there."
    ]
    for one in content["runs"]:
        if one["state"] != "done":
            lines.append(
                f"failed: {label(one['settings'], list(one['settings']))}: {one['failed']}"
            )
    return "\n".join(lines + refused_text(content))


def refused_text(content: Content) -> list[str]:
    return [f"not possible: {label(one['settings'], list(one['settings']))}: {one['why']}"
            for one in content["refused"]]  # fmt: skip


def planned(plan: Plan) -> Content:
    names = names_of(run.settings for run in plan.runs)
    runs = [
        {"key": run.key, "why": run.why, "settings": {k: run.settings[k] for k in names}}
        for run in plan.runs
    ]
    return {"runs": runs, "to_run": len(plan.to_run()), "refused": refused_ones(plan)}


def planned_text(content: Content) -> str:
    lines = [f"{one['why']}: {label(one['settings'], list(one['settings']))}"
             for one in content["runs"]]  # fmt: skip
    count = len(content["runs"])
    lines += refused_text(content)
    return "\n".join([*lines, f"{content['to_run']} of {count} runs would run"])


def listed(store: Store) -> Content:
    rows = store.rows()
    names = names_of(row.settings for row in rows)
    for must in ("system", "rule", "attack"):
        if rows and must not in names:
            names.insert(0, must)
    runs = []
    for row in rows:
        state = "running" if row.state == "begun" and store.running(row) else row.state
        runs.append({**brief(row, names), "code": row.code,
                     "state": "interrupted" if state == "begun" else state})  # fmt: skip
    return {"runs": runs}


def listed_table(content: Content) -> Table:
    table = Table()
    runs = content["runs"]
    names = list(runs[0]["settings"]) if runs else []
    for head in ("key", "state", *names):
        table.add_column(head, overflow="fold")
    for head in ("accuracy", "seconds"):
        table.add_column(head, justify="right")
    for one in runs:
        accuracy, seconds = one["accuracy"], one["seconds"]
        table.add_row(
            one["key"], one["state"], *(str(one["settings"][name]) for name in names),
            "-" if accuracy is None else f"{100 * accuracy:.1f} %",
            "-" if seconds is None else f"{seconds:.1f}",
        )  # fmt: skip
    return table
