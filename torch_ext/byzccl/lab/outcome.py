# SPDX-License-Identifier: MIT
"""What came of one experiment."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from byzccl.lab.experiment import Experiment

HeardBy = dict[str, list[int]]
"""Of one step: "node/kind" -> the nodes whose vectors of that kind the node used."""


@dataclass
class Outcome:
    """Accuracies are fractions of the test pictures, over the honest nodes that hold a model."""

    experiment: Experiment
    accuracy: float = 0.0  # mean, after the last step
    node_accuracy: dict[int, float] = field(default_factory=dict)
    curve: list[tuple[int, float, float]] = field(default_factory=list)  # step, seconds, accuracy
    spread: list[float] = field(default_factory=list)  # a step: largest distance of two models
    heard: list[HeardBy] = field(default_factory=list)  # [steps]
    excluded: dict[int, int] = field(default_factory=dict)  # node -> times with weight 0
    bytes_sent: int = 0  # by all honest nodes together
    messages: int = 0
    seconds: float = 0.0  # of the run; simulated with delays: on the simulated clock
    notes: list[str] = field(default_factory=list)  # what a reader should know: gap of a graph
    failed: str | None = None  # why the run ended early

    @classmethod
    def of(cls, content: dict[str, Any]) -> Outcome:
        """From what to_json() made; numbers that were not finite are NaN."""
        values = {field.name: content[field.name] for field in fields(cls)}
        values["experiment"] = Experiment.of(values["experiment"])
        for name in ("node_accuracy", "excluded"):
            values[name] = {int(key): value for key, value in values[name].items()}
        values["curve"] = [(step, _number(s), _number(a)) for step, s, a in values["curve"]]
        values["spread"] = [_number(value) for value in values["spread"]]
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """What is not finite becomes null."""
        content = {name: value for name, value in asdict(self).items() if name != "experiment"}
        wanted = asdict(self.experiment)
        head = {name: wanted[name] for name in ("system", "engine", "rule", "attack")}
        return {**head, **_finite(content), "experiment": wanted}


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
