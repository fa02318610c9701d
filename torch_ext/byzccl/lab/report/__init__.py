# SPDX-License-Identifier: MIT
"""One page of all results of a store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from byzccl.lab import choice
from byzccl.lab.report import heat, page, pictures, tables
from byzccl.lab.report.page import Section
from byzccl.lab.report.pictures import Picture
from byzccl.lab.report.scene import Scene, scenes, task
from byzccl.lab.results import HYPER, Result, differing, done, settings_of
from byzccl.lab.store import Store
from byzccl.lab.tables import Table

MOST = 12  # tasks whose curves are drawn; the tables have all


def write(store: Store, path: Path) -> dict[str, Any]:
    """Writes the page, whole or not at all. Returns what is on it.

    Raises ValueError if no run is done.
    """
    results = done(store)
    if not results:
        raise ValueError(f"no run in {store.path} is done")
    found = choice.choices(results)
    kept = choice.only_chosen(results, found, differing(settings_of(results), HYPER))
    several = scenes(kept)
    maps = [one for scene in several if (one := heat.of_scene(scene)) is not None]
    maps += heat.over_scenes(several)
    curves = [one for scene in several[:MOST] for one in pictures.of_scene(scene)]
    trouble = tables.troubles(store.rows())
    sections = [
        Section("Runs", [tables.all_results(results)]),
        Section("Chosen hyper-parameters", present(tables.choices(found))),
        Section(
            "Heat maps", maps,
            "Accuracy in percent, mean over seeds ± standard deviation; worst: the least over "
            "attacks. * A run ended early and counts as 0.",
        ),
        Section("Curves", curves, note_on(several)),
        Section("Who was left out", present(tables.left_out(kept))),
        Section("Throughput", present(tables.throughput(kept))),
        Section("Trouble", present(trouble)),
    ]  # fmt: skip
    text = page.html("byzccl: experiments", summary(results, several, store), sections)
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    os.replace(new, path)
    shown = [part for section in sections for part in section.parts]
    return {
        "page": str(path),
        "runs": len(results),
        "pictures": [part.title for part in shown if isinstance(part, Picture)],
        "tables": [part.title for part in shown if isinstance(part, Table)],
        "chosen": [{"setting": one.setting, "chosen": one.chosen} for one in found],
        "bytes": len(text.encode()),
    }


def present(table: Table | None) -> list[Table]:
    return [] if table is None else [table]


def note_on(several: list[Scene]) -> str:
    note = "Lines: mean over seeds; bands: one standard deviation."
    if len(several) > MOST:
        note += f" Of {len(several)} tasks the first {MOST} are drawn; the tables have all."
    return note


def summary(results: list[Result], several: list[Scene], store: Store) -> list[str]:
    seeds = sorted({result.settings["seed"] for result in results})
    rows = store.rows()
    newest = max(rows, key=lambda row: row.ended or 0).environment or {}
    codes = len({row.code for row in rows if row.state == "done"})
    lines = [
        f"{len(results)} runs, seeds {', '.join(map(str, seeds))}.",
        f"{task(results[0])}." if len(several) == 1 else f"{len(several)} tasks.",
        f"byzccl {newest.get('byzccl')}, torch {newest.get('torch')}, Python "
        f"{newest.get('python')}, {newest.get('machine')}, {newest.get('cores')} cores.",
    ]
    if codes > 1:
        lines.append(
            f"The store has runs of {codes} versions of the code; of equal settings the newest "
            "counts. lab plan says which runs another code would do again."
        )
    return lines
