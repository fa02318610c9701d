# SPDX-License-Identifier: MIT
"""`python -m byzccl demo`: rules against attacks on a small training run, and what came of it."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as RichTable

import byzccl
from byzccl.lab import adversary, data, model, page, plots, side_by_side, tables
from byzccl.lab.coordinator import WorkerFailed, team
from byzccl.lab.outcome import Outcome
from byzccl.lab.run import BASELINE, Result, Run, Settings, fit


def main(args: argparse.Namespace) -> int:
    console = Console(width=None if sys.stdout.isatty() else 120)
    settings = Settings(
        workers=args.workers, byzantine=args.byzantine, steps=args.steps, batch=args.batch,
        lr=args.lr, momentum=args.momentum, model=args.model, algorithm=args.algorithm,
        seed=args.seed, data=args.data, evaluations=min(Settings.evaluations, args.steps),
    )  # fmt: skip
    if not 0 <= settings.byzantine < settings.workers or min(settings.steps, settings.batch) < 1:
        console.print("demo: needs 0 <= byzantine < workers, steps >= 1, batch >= 1", style="red")
        return 2
    if settings.seed < 0 or not settings.lr >= 0 or not settings.momentum >= 0:
        console.print("demo: seed, lr and momentum must not be negative", style="red")
        return 2
    try:
        dataset = data.load(settings.data)
        example = model.build(settings.model, dataset.side, settings.seed)
        d = sum(parameter.numel() for parameter in example.parameters())
        runs = plan_runs(args.rules, args.attack, settings, d)
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "index.html").touch()  # told now rather than after the training
    except (ValueError, ImportError, OSError) as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 2
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends the workers
    console.print(page.describe(settings, dataset.name), highlight=False, markup=False)
    for sentence in fewer_attackers(runs, settings):
        console.print(sentence, highlight=False, markup=False)
    start = time.perf_counter()
    try:
        results = train(runs, settings, dataset, console)
    except WorkerFailed as error:
        console.print(f"demo: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("demo: stopped", style="red")
        return 130
    compared = compare(settings, console)
    write(args.out, settings, dataset.name, results, compared)
    for table in (tables.accuracy_table(results), tables.exclusion_table(results)):
        if table.rows:
            show(table, console)
    for sentence in tables.verdict(results):
        console.print(sentence, markup=False)
    console.print(
        f"{len(results)} runs in {time.perf_counter() - start:.0f} s. "
        f"Pictures and tables: {args.out / 'index.html'}", markup=False,
    )  # fmt: skip
    expected = [r for r in results if not adversary.on_messages(r.attack)]
    if not all(result.replicas_identical for result in expected):
        console.print("demo: replicas ended with different bits", style="red")
        return 1
    return 0


def compare(settings: Settings, console: Console) -> dict[str, Outcome]:
    """The five systems, side by side; nothing where the numbers allow none."""
    wanted = side_by_side.experiments(settings)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the models are small: threads would wait for one another
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as bars:
        every = bars.add_task("systems, simulated", total=len(wanted))
        found: dict[str, Outcome] = {}
        for name, experiment in wanted.items():
            bars.update(every, description=f"systems, simulated: {name}")
            found |= side_by_side.run_all({name: experiment}, lambda step, accuracy: None)
            bars.advance(every)
    torch.set_num_threads(threads)
    return found


def plan_runs(rules: list[str], attacks: list[str], settings: Settings, d: int) -> list[Run]:
    """Every rule under every attack, on gradients [d]. Raises ValueError for a mistake in one."""
    n, runs = settings.workers, []
    for attack in attacks:
        for name in rules:
            rule, f = fit(name, n, settings.byzantine)
            # Each is tried on zeros, so that a mistake is told before anything starts.
            if rule != BASELINE:
                byzccl.explain(torch.zeros(n, 1), rule)
            if adversary.on_messages(attack):
                byzccl.attack.canonical(attack)
            elif f > 0 and adversary.on_gradient(attack):
                trial = byzccl.attack.Adversary(attack)
                trial.craft(torch.zeros(n - f, d), n=n, f=f, rank=n - 1, rule=rule)
            runs.append(Run(rule, attack, list(range(n - f, n))))
    return runs


def fewer_attackers(runs: list[Run], settings: Settings) -> list[str]:
    """A sentence for each rule that meets fewer Byzantine ranks than were asked for."""
    counts = {run.rule: len(run.byzantine) for run in runs}
    return [
        f"{rule}: {settings.workers} ranks allow no larger f, so it meets {count} Byzantine "
        f"{'rank' if count == 1 else 'ranks'}, not {settings.byzantine}."
        for rule, count in counts.items()
        if count < settings.byzantine
    ]


def train(
    runs: list[Run], settings: Settings, dataset: data.Dataset, console: Console
) -> list[Result]:
    """Does the runs one after the other and says how it goes."""
    results: list[Result] = []
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    )  # fmt: skip
    with team(settings, dataset) as workers, Progress(*columns, console=console) as bars:
        every = bars.add_task("runs", total=len(runs))
        current = bars.add_task("", total=settings.steps)
        for run in runs:
            name = f"{tables.rule_label(run.rule)}, {tables.attack_label(run.attack)}"

            def progress(step: int, accuracy: float, name: str = name) -> None:
                text = f"{name}: {100 * accuracy:.0f} %"
                bars.update(current, description=text, completed=step)

            bars.update(current, description=name, completed=0)
            begin = time.perf_counter()
            results.append(workers.train(run, progress))
            bars.update(current, completed=settings.steps)
            bars.advance(every)
            bars.console.print(
                f"{len(results):3}/{len(runs)}  {name}: {100 * results[-1].accuracy:.1f} % "
                f"after {settings.steps} steps, {time.perf_counter() - begin:.1f} s",
                markup=False, highlight=False,
            )  # fmt: skip
    return results


def show(table: tables.Table, console: Console) -> None:
    rich = RichTable(title=table.title, caption=table.note or None)
    for k, head in enumerate(table.head):
        rich.add_column(head.replace("(", "\n("), justify="right" if k else "left", overflow="fold")
    for row in table.rows:
        rich.add_row(*(f"[bold red]{cell.text}[/]" if cell.bad else cell.text for cell in row))
    console.print(rich)


def finite(value: Any) -> Any:
    """What JSON can say of it: a number that is not finite becomes null."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write(
    out: Path,
    settings: Settings,
    dataset: str,
    results: list[Result],
    compared: dict[str, Outcome],
) -> None:
    """results.json, the pictures and index.html; an earlier run's pictures go."""
    for old in ("accuracy.png", "weights.png", "systems.png"):
        (out / old).unlink(missing_ok=True)
    versions = {
        "byzccl": byzccl.__version__, "torch": torch.__version__, "numpy": np.__version__,
        "python": platform.python_version(), "machine": platform.machine(),
        "cores": os.cpu_count(),
    }  # fmt: skip
    content = {
        "settings": asdict(settings), "data": dataset, "versions": versions,
        "runs": [asdict(result) for result in results],
        "systems": {name: outcome.to_json() for name, outcome in compared.items()},
    }  # fmt: skip
    text = json.dumps(finite(content), allow_nan=False)
    (out / "results.json").write_text(text, encoding="utf-8")

    title = f"{dataset}, {settings.workers} ranks, the last {settings.byzantine} Byzantine"
    pictures = [("accuracy.png", "Test accuracy over the training steps, one graph an attack.")]
    plots.accuracy_curves(results, out / "accuracy.png", title)
    attacked = [r.attack for r in results if r.attack != "none" and r.byzantine]
    if attacked:
        chosen = [r for r in results if r.attack == attacked[0] and r.rule != BASELINE]
        title = f"Weight given to each rank under {attacked[0]}"
        if plots.weight_maps(chosen, out / "weights.png", title):
            caption = f"{title}. Rules that are not shown decide per coordinate."
            pictures.append(("weights.png", caption))
    if compared:
        side_by_side.draw(compared, out / "systems.png")
        pictures.append(("systems.png", side_by_side.caption(settings)))
    page.write_page(
        out / "index.html", settings, dataset, tables.verdict(results),
        [t for t in (tables.accuracy_table(results), tables.exclusion_table(results)) if t.rows],
        pictures,
    )  # fmt: skip
