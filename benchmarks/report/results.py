# SPDX-License-Identifier: MIT
"""What a run left behind: kernels.json, peers.json and step_cost.json of one folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Figure = dict[str, Any]


@dataclass(frozen=True)
class Results:
    kernels: dict[str, Any]
    """machine, rates, read_rates and figures, see benchmarks/figures.hpp; empty if not measured."""
    peers: dict[str, Any]
    """versions and figures; empty if no peer was measured."""
    steps: dict[str, Any]
    """machine, figures and traces of what runs over processes; empty if it was not measured."""

    def figures(self, step: str) -> list[Figure]:
        sources = (self.kernels, self.peers, self.steps)
        figures = [figure for source in sources for figure in source.get("figures", [])]
        return [figure for figure in figures if figure["step"] == step]

    def read_rate(self, n: int, d: int, dtype: str) -> float | None:
        """Bytes a second of reading that many vectors."""
        wanted = {"n": n, "d": d, "dtype": dtype}
        for rate in self.kernels["read_rates"]:
            if wanted.items() <= rate.items():
                return float(rate["bytes_per_second"])
        return None


def read(folder: Path) -> Results:
    found = []
    for name in ("kernels", "peers", "step_cost"):
        path = folder / f"{name}.json"
        found.append(json.loads(path.read_text()) if path.exists() else {})
    return Results(*found)


def rule_name(text: str) -> str:
    """Without parameters: what a table of several n calls its rows."""
    return "+".join(part.split("(")[0] for part in text.split("+"))


def values(figures: list[Figure], key: str) -> list[Any]:
    """The values that `key` has, each once, in order of size where they are numbers."""
    found = dict.fromkeys(figure[key] for figure in figures)
    return sorted(found) if all(isinstance(value, int) for value in found) else list(found)
