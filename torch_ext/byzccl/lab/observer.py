# SPDX-License-Identifier: MIT
"""Looks at the honest nodes' models, step by step: accuracy, and how far apart they are."""

from __future__ import annotations

import torch

from byzccl.lab.data import Dataset
from byzccl.lab.experiment import Experiment
from byzccl.lab.learner import Task
from byzccl.lab.outcome import Outcome

CURVE_PICTURES = 2000
"""Of the test pictures that a point of the curve is measured on; the last one takes all."""


class Observer:
    def __init__(self, e: Experiment, task: Task, dataset: Dataset, outcome: Outcome) -> None:
        self.e, self.task, self.outcome = e, task, outcome
        self.images = torch.from_numpy(dataset.test_images)
        self.labels = torch.from_numpy(dataset.test_labels)
        self.stops = {e.steps * k // e.evaluations for k in range(e.evaluations)} | {e.steps}

    def see(self, step: int, models: dict[int, torch.Tensor], seconds: float) -> float | None:
        """The models after `step` steps, by node. Returns the accuracy where it was measured."""
        if step > 0:
            self.outcome.spread.append(spread(list(models.values())))
        if step not in self.stops or not models:
            return None
        last = step == self.e.steps
        count = len(self.labels) if last else CURVE_PICTURES
        images, labels = self.images[:count], self.labels[:count]
        found: dict[int, float] = {}
        known: list[tuple[torch.Tensor, float]] = []
        for node, model in models.items():
            same = [value for other, value in known if torch.equal(other, model)]
            found[node] = same[0] if same else self.task.accuracy(model, images, labels)
            if not same:
                known.append((model, found[node]))
        mean = sum(found.values()) / len(found)
        self.outcome.curve.append((step, seconds, mean))
        if last:
            self.outcome.accuracy, self.outcome.node_accuracy = mean, found
        return mean


def spread(models: list[torch.Tensor]) -> float:
    """The largest distance between two of them; 0 for one."""
    if len(models) < 2:
        return 0.0
    first = models[0]
    if all(torch.equal(first, other) for other in models[1:]):
        return 0.0
    rows = torch.stack(models).double()
    return float(torch.pdist(rows).max())
