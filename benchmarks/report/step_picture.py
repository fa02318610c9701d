# SPDX-License-Identifier: MIT
"""A step over processes as a picture: what each rank's threads were doing, and when."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from results import Results

Spans = list[tuple[str, int, float, float]]

# Distinct also to the colour-blind (Okabe and Ito), and in the order of the legend.
_COLOURS = {
    "forward": "#bbbbbb",
    "backward": "#777777",
    "headers": "#d9c9e8",
    "exchange": "#56b4e9",
    "distances": "#009e73",
    "select": "#cc79a7",
    "combine": "#e69f00",
    "gather": "#0072b2",
}
# The threads of a rank, from the top: training, the communicator's, the one that measures.
_LANES = {"forward": 0, "backward": 0, "distances": 2}
_LANE = 1.0
_RANK = 3.6


def _draw(axes: Axes, ranks: list[Spans], title: str) -> None:
    start = min(begin for spans in ranks for _, _, begin, _ in spans)
    for rank, spans in enumerate(ranks):
        for phase, add, begin, end in spans:
            y = rank * _RANK + _LANES.get(phase, 1) * _LANE
            left, width = 1e3 * (begin - start), 1e3 * (end - begin)
            tall = 0.9 if phase != "gather" else 0.45
            axes.barh(y, width, tall, left, color=_COLOURS[phase], edgecolor="white", lw=0.4)
            if phase == "exchange":
                axes.text(left + width / 2, y, str(add), ha="center", va="center", size=7)
    middles = [rank * _RANK + _LANE for rank in range(len(ranks))]
    axes.set_yticks(middles, [f"rank {rank}" for rank in range(len(ranks))])
    axes.invert_yaxis()
    axes.set_title(title, loc="left", size=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)


def draw(results: Results, path: Path) -> None:
    """One panel a rule, all on one time axis."""
    trace = results.steps["trace"]
    panels_of: dict[str, list[Spans]] = trace["rules"]
    n = trace["n"]
    figure, panels = plt.subplots(
        len(panels_of),
        1,
        figsize=(11, 1.2 + len(panels_of) * (0.5 + 0.5 * n)),
        sharex=True,
        squeeze=False,
        layout="constrained",
    )
    for axes, (rule, ranks) in zip(panels[:, 0], panels_of.items(), strict=True):
        _draw(axes, ranks, rule)
    panels[-1, 0].set_xlabel("milliseconds")
    figure.suptitle(
        f"One step of robust DDP: {n} ranks, {trace['megabytes']:g} MB of gradient."
        " Numbers are buckets; headers also wait for the other ranks.",
        x=0.01,
        ha="left",
        size=11,
    )
    patches = [Patch(color=colour, label=name) for name, colour in _COLOURS.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
