# SPDX-License-Identifier: MIT
"""The report's pictures of curves: accuracy, spread, and the worst attack of each line."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from byzccl.lab.plots import COLOURS, MARKERS
from byzccl.lab.report.scene import Scene
from byzccl.lab.results import Mean, Result, finite, worst_of

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class Picture:
    """A picture that stands in the page itself."""

    title: str
    alt: str  # what is to be seen, for those who cannot
    png: str  # base64


def picture(figure: Figure, title: str, alt: str) -> Picture:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    return Picture(title, alt, base64.b64encode(buffer.getvalue()).decode())


def styles(lines: list[str]) -> dict[str, dict[str, object]]:
    """Colour and marker by line; after the last colour they come again, broken."""
    dashes = ("-", (0, (4, 2)), (0, (1, 1.5)), (0, (5, 1, 1, 1)))
    return {
        line: {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
            "linestyle": dashes[k // len(COLOURS) % len(dashes)],
            "linewidth": 1.6,
            "markersize": 3.5,
        }
        for k, line in enumerate(lines)
    }


def curve_by_step(result: Result) -> Points:
    rows = [(step, finite(a)) for step, _, a in result.outcome["curve"]]
    return np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])


def curve_by_time(result: Result) -> Points:
    rows = [(finite(seconds), finite(a)) for _, seconds, a in result.outcome["curve"]]
    return np.array([r[0] for r in rows]), np.array([r[1] for r in rows])


def has_times(result: Result) -> bool:
    """Whether its seconds are of the system, and not of a simulation that knows no time."""
    return bool(result.settings["engine"] == "processes" or result.settings["delays"] > 0)


def spread_by_step(result: Result) -> Points:
    values = np.array([finite(value) for value in result.outcome["spread"]])
    return np.arange(1, len(values) + 1, dtype=float), values


def panels(
    scene: Scene, points: Callable[[Result], Points], percent: bool, axis: str, value: str
) -> Figure:
    """A graph an attack: the mean over seeds, and a band of one standard deviation."""
    attacks, lines = scene.attacks, scene.lines()
    look = styles(list(scene.every))
    columns = min(3, len(attacks))
    rows = -(-len(attacks) // columns)
    figure = Figure(figsize=(1 + 3.4 * columns, 1.2 + 2.5 * rows + 0.2 * -(-len(lines) // 2)),
                    layout="constrained")  # fmt: skip
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes, attack in zip(grid.flat, attacks, strict=False):
        for line, results in lines.items():
            draw(axes, [points(r) for r in results if r.attack == attack], look[line], percent)
        axes.set_title("no attack" if attack == "none" else attack, fontsize=10)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if percent:
            axes.set_ylim(0, 100)
    for axes in list(grid.flat)[len(attacks) :]:
        axes.set_visible(False)
    for k in range(columns):
        grid[(len(attacks) - 1 - k) // columns][k].set_xlabel(axis)
        grid[(len(attacks) - 1 - k) // columns][k].tick_params(labelbottom=True)
    for axes in grid[:, 0]:
        axes.set_ylabel(value)
    handles = [Axes.plot(grid[0][0], [], [], **look[line])[0] for line in lines]  # type: ignore[arg-type]
    figure.legend(handles, list(lines), loc="outside lower center", ncols=2, frameon=False,
                  fontsize=9)  # fmt: skip
    return figure


def draw(axes: Axes, curves: list[Points], look: dict[str, object], percent: bool) -> None:
    """One line: its seeds on a common grid of the horizontal axis."""
    curves = [(x, y) for x, y in curves if len(x)]
    if not curves:
        return
    scale = 100.0 if percent else 1.0
    end = min(x[-1] for x, _ in curves)  # as far as all seeds go
    common = curves[0][0][curves[0][0] <= end]
    values = scale * np.stack([np.interp(common, x, y) for x, y in curves])
    mean = values.mean(0)
    every = max(1, len(common) // 10)
    axes.plot(common, mean, markevery=every, **look)  # type: ignore[arg-type]
    if len(curves) > 1:
        error = values.std(0, ddof=1)
        low = np.maximum(mean - error, 0) if percent else mean - error
        axes.fill_between(common, low, mean + error, color=look["color"], alpha=0.15, linewidth=0)


def worst_bars(worst: dict[str, tuple[str, Mean]], counts: dict[str, int]) -> Figure:
    """Each line's accuracy under its worst attack, with the deviation over seeds.

    `counts`: how many attacks each line has met, no attack among them.
    """
    order = sorted(worst, key=lambda line: worst[line][1].value)
    figure = Figure(figsize=(8.5, 1.1 + 0.34 * len(order)), layout="constrained")
    axes = figure.subplots()
    values = [100 * worst[line][1].value for line in order]
    errors = [100 * worst[line][1].deviation for line in order]
    axes.barh(order, values, xerr=errors, color=COLOURS[0], alpha=0.8, capsize=3)
    for k, line in enumerate(order):
        attack = worst[line][0]
        text = f"{'no attack' if attack == 'none' else attack}, of {counts[line]}"
        axes.text(1, k, text, va="center", fontsize=8, color="black" if values[k] < 25 else "white")
    axes.set_xlim(0, 100)
    axes.set_xlabel("test accuracy under the worst attack (%)")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def of_scene(scene: Scene) -> list[Picture]:
    """All curves of one task."""
    lines = ", ".join(scene.lines())
    found = [
        picture(
            panels(scene, curve_by_step, True, "step", "test accuracy (%)"),
            f"Accuracy against step: {scene.title}",
            f"Test accuracy over the training steps, one graph an attack, for {lines}.",
        )
    ]
    timed = tuple(r for r in scene.results if has_times(r))
    if timed:
        found.append(picture(
            panels(scene.of(timed), curve_by_time, True, "seconds",
                   "test accuracy (%)"),
            f"Accuracy against time: {scene.title}",
            f"Test accuracy over the seconds of the run, one graph an attack, for {lines}.",
        ))  # fmt: skip
    apart = tuple(r for r in scene.results if any(finite(v) > 0 for v in r.outcome["spread"]))
    if apart:
        parted = scene.of(apart)
        figure = panels(parted, spread_by_step, False, "step", "largest distance")
        figure.axes[0].set_yscale("symlog", linthresh=smallest(apart))
        found.append(picture(
            figure, f"Spread of replicas: {scene.title}",
            "Largest distance between two honest models over the steps, one graph an attack, for "
            + ", ".join(parted.lines()) + ".",
        ))  # fmt: skip
    if len(scene.attacks) > 1:
        worst = {line: worst_of(some) for line, some in scene.lines().items()}
        told = ", ".join(
            f"{line} ({mean.text} %, {attack})" for line, (attack, mean) in worst.items()
        )
        found.append(picture(
            worst_bars(worst, scene.attack_counts()), f"Under the worst attack: {scene.title}",
            f"Accuracy under the worst attack, one bar each, for {told}.",
        ))  # fmt: skip
    return found


def smallest(results: tuple[Result, ...]) -> float:
    """The least spread above zero, from which the axis is logarithmic."""
    values = [finite(value) for result in results for value in result.outcome["spread"]]
    return min(value for value in values if value > 0)
