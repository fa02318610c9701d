# SPDX-License-Identifier: MIT
"""The figures that have a goal, as a short table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .record import table


def shown(figure: dict[str, Any]) -> list[str]:
    goal = figure["goal"]
    value = figure[goal["key"]]
    bound = goal.get("least", goal.get("most"))
    in_time = goal["key"] == "seconds"
    text = [f"{1e6 * x:.1f} us" if in_time else f"{100 * x:.0f} %" for x in (value, bound)]
    return [
        f"{figure['step']} {figure.get('rule', '')}".strip(),
        str(figure["n"]),
        f"{figure['d']:,}",
        figure["dtype"],
        f"{1e3 * figure['seconds']:.3f} ms",
        text[0],
        f"{'>=' if 'least' in goal else '<='} {text[1]}",
        "met" if figure["met"] else "MISSED",
    ]


def lines(out: Path) -> list[str]:
    """Nothing where nothing was measured."""
    rows = []
    for path in sorted(out.glob("gpu_*.json")):
        figures = json.loads(path.read_text()).get("figures", [])
        rows += [shown(figure) for figure in figures if "goal" in figure]
    if not rows:
        return []
    head = ["figure", "n", "d", "dtype", "time", "reached", "goal", ""]
    return [*table(head, rows).splitlines(), ""]
