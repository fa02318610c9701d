# SPDX-License-Identifier: MIT
"""What a run of the suite found: a line on the screen and a new JSON file after every step."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PASSED = "passed"
FAILED = "failed"
NOT_RUN = "not run"
NOT_AVAILABLE = "not available here"


@dataclass
class Step:
    name: str
    state: str
    seconds: float
    detail: str = ""
    """Why it was not run or failed, or what it gave."""
    stage: str = ""


@dataclass
class Record:
    path: Path
    facts: dict[str, str]
    """Device, driver, commit and the like."""
    budget: float
    """Seconds that the whole run may take."""
    steps: list[Step] = field(default_factory=list)
    begin: float = field(default_factory=time.monotonic)
    stage: str = ""
    """What steps belong to from now on."""
    stage_end: float = float("inf")
    """When the stage is to be over, as elapsed()."""

    def enter(self, stage: str, seconds: float) -> None:
        """A stage begins, which may take so long."""
        self.stage, self.stage_end = stage, self.elapsed() + seconds

    def leave(self) -> None:
        """The stage is over: its steps are a file of their own beside the record's."""
        own = [asdict(step) for step in self.steps if step.stage == self.stage]
        write_whole(
            self.path.with_name(f"stage_{self.stage}.json"),
            {"machine": self.facts, "seconds": round(self.elapsed(), 1), "steps": own},
        )
        self.stage, self.stage_end = "", float("inf")

    def add(self, step: Step) -> None:
        step.stage = self.stage
        self.steps.append(step)
        print(
            f"[{self.elapsed():5.0f} s] {step.name}: {step.state} {step.detail}".rstrip(),
            flush=True,
        )
        self.save()

    def elapsed(self) -> float:
        return time.monotonic() - self.begin

    def left(self) -> float:
        return min(self.budget, self.stage_end) - self.elapsed()

    def failed(self) -> bool:
        return any(step.state == FAILED for step in self.steps)

    def save(self) -> None:
        found = {
            "machine": self.facts,
            "seconds": round(self.elapsed(), 1),
            "steps": [asdict(step) for step in self.steps],
        }
        write_whole(self.path, found)


def write_whole(path: Path, found: object) -> None:
    """Whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n")
    part.replace(path)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[k]) for row in [head, *rows]) for k in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [head, ["-" * width for width in widths], *rows]
    ]
    return "\n".join(lines)


def summary(record: Record) -> str:
    """The short table that comes last."""
    facts = ", ".join(f"{name} {value}" for name, value in record.facts.items())
    rows = [
        [s.name, s.state, f"{s.seconds:.0f} s", s.detail.splitlines()[0] if s.detail else ""]
        for s in record.steps
    ]
    return f"{facts}\n" + table(["step", "state", "time", ""], rows)
