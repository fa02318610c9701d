# SPDX-License-Identifier: MIT
"""The pictures: accuracy over the steps, and the weight that each rank was given."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from byzccl.lab.run import BASELINE, Result
from byzccl.lab.tables import attack_label, rule_label, unique

# Okabe and Ito's colours, which colour-blind readers can tell apart; the plain mean is black.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F", "#7F7F7F")
MARKERS = "os^Dv<>P"
BYZANTINE = "#B3002D"


def styles(rules: list[str]) -> dict[str, dict[str, object]]:
    """Line style by rule, the same in every picture of an experiment."""
    robust = [rule for rule in rules if rule != BASELINE]
    found: dict[str, dict[str, object]] = {
        rule: {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
            "linewidth": 1.6,
            "markersize": 4,
        }
        for k, rule in enumerate(robust)
    }
    found[BASELINE] = {"color": "black", "linestyle": (0, (4, 2)), "linewidth": 2.6, "zorder": 5}
    return found


def accuracy_curves(results: list[Result], path: Path, title: str) -> None:
    """A small graph for each attack, all on one scale."""
    rules, attacks = unique([r.rule for r in results]), unique([r.attack for r in results])
    look = styles(rules)
    columns = min(2, len(attacks))
    rows = -(-len(attacks) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(1.8 + 4.3 * columns, 0.9 + 2.9 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, attack in zip(grid.flat, attacks, strict=False):
        for result in (r for r in results if r.attack == attack):
            steps, accuracy = zip(*result.curve, strict=True)
            axes.plot(steps, 100 * np.array(accuracy), **look[result.rule])
        axes.set_title(attack_label(attack), fontsize=11, fontweight="bold")
        axes.set_ylim(0, 100)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in list(grid.flat)[len(attacks) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("training step")
    for axes in grid[:, 0]:
        axes.set_ylabel("test accuracy (%)")
    lines = [Line2D([], [], **look[rule]) for rule in rules]  # type: ignore[arg-type]
    figure.legend(
        lines, [rule_label(rule) for rule in rules], loc="outside right center", frameon=False
    )
    figure.suptitle(title, fontsize=12)
    save(figure, path)


def weight_maps(results: list[Result], path: Path, title: str) -> bool:
    """Rank by step, a map for each rule that weighs ranks; False if there is none."""
    shown = [r for r in results if r.weights]
    if not shown:
        return False
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(1.2 + 4.9 * columns, 1.2 + 1.75 * rows),
        squeeze=False,
        layout="constrained",
    )
    image = None
    for axes, result in zip(grid.flat, shown, strict=False):
        weights = np.nan_to_num(np.array(result.weights))
        relative = weights / np.maximum(weights.max(axis=1, keepdims=True), 1e-30)
        image = axes.imshow(
            relative.T, aspect="auto", interpolation="nearest", cmap="cividis", vmin=0, vmax=1
        )
        axes.set_title(rule_label(result.rule), fontsize=11, fontweight="bold")
        mark_ranks(axes, result)
    for axes in list(grid.flat)[len(shown) :]:
        axes.set_visible(False)
    for column in range(columns):
        lowest = max(k for k in range(len(shown)) if k % columns == column)
        grid.flat[lowest].set_xlabel("training step")
    for axes in grid[:, 0]:
        axes.set_ylabel("rank")
    assert image is not None
    bar = figure.colorbar(image, ax=grid, shrink=0.6, ticks=[0, 0.5, 1])
    bar.set_label("weight / largest weight of the step")
    figure.suptitle(title, fontsize=12)
    save(figure, path)
    return True


def mark_ranks(axes: Axes, result: Result) -> None:
    """Names the ranks at the axis, the Byzantine ones in red below a line."""
    labels = [f"{r} Byz." if r in result.byzantine else str(r) for r in range(result.workers)]
    axes.set_yticks(range(result.workers), labels, fontsize=8)
    for rank in result.byzantine:
        label = axes.get_yticklabels()[rank]
        label.set_color(BYZANTINE)
        label.set_fontweight("bold")
    if result.byzantine:
        axes.axhline(min(result.byzantine) - 0.5, color=BYZANTINE, linewidth=1.2)


def save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=120)
    plt.close(figure)
