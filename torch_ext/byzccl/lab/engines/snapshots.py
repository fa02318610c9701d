# SPDX-License-Identifier: MIT
"""A node's models of all steps, kept on disk until the run is over, and then shown to node 0."""

from __future__ import annotations

import tempfile

import numpy as np
import torch


class Snapshots:
    def __init__(self, start: torch.Tensor, steps: int) -> None:
        self.file = tempfile.TemporaryFile(prefix="byzccl-models-")  # noqa: SIM115
        self.models = np.memmap(self.file, np.float32, "w+", shape=(steps + 1, start.numel()))
        self.models[0] = start.numpy()
        self.times: dict[int, float] = {0: 0.0}

    def keep(self, step: int, model: torch.Tensor, seconds: float) -> None:
        self.models[step] = model.detach().numpy()
        self.times[step] = seconds

    def at(self, step: int) -> torch.Tensor:
        """The model after `step` steps; of a step that was left out, the one before it."""
        known = max(k for k in self.times if k <= step)
        return torch.from_numpy(np.array(self.models[known]))

    def time_of(self, step: int) -> float:
        """Seconds from the start of the run until the step was done."""
        return self.times[max(k for k in self.times if k <= step)]

    def last(self) -> int:
        """The last step that was done."""
        return max(self.times)

    def seconds(self) -> float:
        return self.times[self.last()]
