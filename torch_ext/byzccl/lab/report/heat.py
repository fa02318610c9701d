# SPDX-License-Identifier: MIT
"""The report's heat maps: rule by attack, and f by heterogeneity."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from byzccl.lab.report.pictures import Picture, picture
from byzccl.lab.report.scene import Scene
from byzccl.lab.results import Mean, grouped, heterogeneity, mean_of, worst_of

Cells = dict[tuple[str, str], Mean]


def heat_map(
    cells: Cells, rows: list[str], columns: list[str], axes_names: tuple[str, str]
) -> Figure:
    """Accuracy in percent; what was not run stays white."""
    width = 2.0 + max(map(len, rows)) * 0.075 + 0.95 * len(columns)
    figure = Figure(figsize=(width, 1.6 + 0.46 * len(rows)), layout="constrained")
    axes = figure.subplots()
    values = np.full((len(rows), len(columns)), np.nan)
    for (row, column), mean in cells.items():
        values[rows.index(row), columns.index(column)] = 100 * mean.value
    axes.imshow(values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for (row, column), mean in cells.items():
        text = mean.text.replace(" ", "\n", 1) if mean.seeds > 1 else mean.text
        axes.text(
            columns.index(column), rows.index(row), text + ("*" if mean.ended_early else ""),
            ha="center", va="center", fontsize=8,
            color="white" if mean.value < 0.5 else "black",
        )  # fmt: skip
    axes.set_xticks(range(len(columns)), columns, rotation=30, ha="right", fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_ylabel(axes_names[0])
    axes.set_xlabel(axes_names[1])
    axes.set_xticks(np.arange(-0.5, len(columns)), minor=True)
    axes.set_yticks(np.arange(-0.5, len(rows)), minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    return figure


def told(cells: Cells) -> str:
    """The cells as text, for those who cannot see them."""
    return "; ".join(f"{row}, {column}: {mean.text} %" for (row, column), mean in cells.items())


def by_attack(scene: Scene) -> tuple[Cells, list[str], list[str]]:
    """Lines by attacks, with the worst of each line last."""
    cells: Cells = {}
    for line, results in scene.lines().items():
        for attack, some in grouped(results, lambda r: r.attack).items():
            cells[line, attack] = mean_of(some)
        cells[line, "worst"] = worst_of(results)[1]
    return cells, list(scene.lines()), [*scene.attacks, "worst"]


def of_scene(scene: Scene) -> Picture | None:
    """Rule by attack; None where there is only one attack."""
    if len(scene.attacks) < 2:
        return None
    cells, rows, columns = by_attack(scene)
    return picture(
        heat_map(cells, rows, columns, ("", "attack")), f"Rule by attack: {scene.title}",
        f"Accuracy in percent for each rule under each attack. {told(cells)}.",
    )  # fmt: skip


def over_scenes(scenes: list[Scene]) -> list[Picture]:
    """f by heterogeneity, the minimum over attacks: a map for each line, and one for the best.

    The scenes must share all of the task but the number of Byzantine workers and the partition:
    those that do not are mapped apart. The best is sought among the lines that have met most
    attacks: one that was never attacked would win.
    """
    others = ("data", "model", "workers", "steps", "evaluations")
    found = []
    groups: dict[str, list[Scene]] = {}
    for scene in scenes:
        s = scene.results[0].settings
        groups.setdefault(", ".join(str(s[name]) for name in others), []).append(scene)
    for several in groups.values():
        settings = [scene.results[0].settings for scene in several]
        fs = sorted({s["byzantine"] for s in settings})
        parts = sorted({s["partition"] for s in settings}, key=heterogeneity)
        if len(fs) < 2 and len(parts) < 2:
            continue
        maps: dict[str, Cells] = {}
        best: Cells = {}
        for scene, s in zip(several, settings, strict=True):
            place = (f"f = {s['byzantine']}", s["partition"])
            counts = scene.attack_counts()
            for line, results in scene.lines().items():
                mean = worst_of(results)[1]
                maps.setdefault(line, {})[place] = mean
                if counts[line] == max(counts.values()) and (
                    place not in best or mean.value > best[place].value
                ):
                    best[place] = mean
        if len(maps) > 1:
            maps = {"the best of all": best, **maps}
        rows = [f"f = {f}" for f in reversed(fs)]
        for line, cells in maps.items():
            if len(cells) < 2:
                continue
            found.append(picture(
                heat_map(cells, rows, parts, ("Byzantine workers", "from alike to skewed")),
                f"f by heterogeneity, under the worst attack: {line}",
                f"Accuracy in percent under the worst attack for {line}. {told(cells)}.",
            ))  # fmt: skip
    return found
