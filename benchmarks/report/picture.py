# SPDX-License-Identifier: MIT
"""The results as a picture: shares of the floor by n, and peers by rule."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from results import Results, values
from tables import PEERS, row_name

# Distinct also to the colour-blind (Okabe and Ito).
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")


def draw(results: Results, d: int, path: Path) -> None:
    """`d`: of the shares; the peers have their own."""
    with_peers = bool(results.figures("peer"))
    figure, axes = plt.subplots(
        1,
        1 + with_peers,
        figsize=(6 + 7 * with_peers, 6.5),
        width_ratios=[1, 1.2][: 1 + with_peers],
        squeeze=False,
        layout="constrained",
    )
    _draw_shares(axes[0][0], results, d)
    if with_peers:
        _draw_peers(axes[0][1], results)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_shares(axes: Axes, results: Results, d: int) -> None:
    figures = [
        figure
        for step in ("distances", "weighted_sum", "columns")
        for figure in results.figures(step)
        if figure["d"] == d and figure["dtype"] == "float32"
    ]
    names = dict.fromkeys(row_name(figure) for figure in figures)
    for colour, name in zip(_COLOURS, names, strict=False):
        points = [(f["n"], 100 * f["share"]) for f in figures if row_name(f) == name]
        axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
    axes.axhline(70, color="#999999", lw=1, ls="--")
    axes.set_xscale("log", base=2)
    counts = values(figures, "n")
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.set_ylim(0, 105)
    axes.set_xlabel("n")
    axes.set_ylabel("% of the floor")
    axes.set_title(f"Steps against the machine, d = {d:,}, float32", loc="left", size=11)
    axes.legend(frameon=False, loc="lower left")
    axes.spines[["top", "right"]].set_visible(False)


def _draw_peers(axes: Axes, results: Results) -> None:
    figures = [figure for figure in results.figures("peer") if not figure["part"]]
    rules = values(figures, "rule")
    for place, peer in enumerate(PEERS):
        own = [figure for figure in figures if figure["peer"] == peer]
        y = [rules.index(figure["rule"]) + 0.27 * (place - 1) for figure in own]
        ratios = [figure["ratio"] for figure in own]
        axes.barh(y, ratios, 0.25, color=_COLOURS[place], label=peer)
    axes.axvline(1, color="#333333", lw=1)
    axes.axvline(20, color="#999999", lw=1, ls="--")
    axes.set_xscale("log")
    axes.set_yticks(range(len(rules)), rules)
    axes.invert_yaxis()
    axes.set_xlabel("times as long as byzccl")
    n, d = figures[0]["n"], figures[0]["d"]
    axes.set_title(f"Peers, n = {n}, d = {d:,}, float32", loc="left", size=11)
    axes.legend(frameon=False, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
