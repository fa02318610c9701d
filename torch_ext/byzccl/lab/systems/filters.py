# SPDX-License-Identifier: MIT
"""How a worker of synchronous ByzSGD judges a model that it reads from one server alone.

The formulas are those of the authors' programs (LPD-EPFL/Garfield, byzWorker.py), which compute
both filters and enforce neither; here a model that fails one is not used.
"""

from __future__ import annotations

import math
from collections import deque

import torch

from byzccl.lab.experiment import Experiment

KEPT = 50
"""Quotients that the Lipschitz filter remembers."""


class Filters:
    """One worker's, over the steps of a run."""

    def __init__(self, e: Experiment, start: torch.Tensor) -> None:
        self.e = e
        self.speculative = start.clone()
        """What the model would be if only this worker's gradients counted since the last gather."""
        self.model: torch.Tensor | None = None
        self.gradient: torch.Tensor | None = None
        self.quotients: deque[float] = deque(maxlen=KEPT)

    def is_near(self, model: torch.Tensor, step: int) -> bool:
        """Outliers: ||speculative - model|| <= lr ||g|| ((3T+2)(n_w-f_w) / (4 f_w) + 2 (t mod T)).

        g is the last gradient. Without Byzantine workers, or without a gradient, all are near.
        """
        e = self.e
        if e.declared_f == 0 or self.gradient is None:
            return bool(torch.isfinite(model).all())
        period = e.gather_every or e.steps
        far = (3 * period + 2) * (e.workers - e.declared_f) / (4 * e.declared_f)
        bound = e.lr_at(step) * float(self.gradient.norm()) * (far + 2 * (step % period))
        return float((self.speculative - model).norm()) <= bound

    def is_smooth(self, model: torch.Tensor, gradient: torch.Tensor) -> bool:
        """Lipschitz: ||g - g'|| / ||x - x'|| is at most the (n_ps - f_ps) / n_ps quantile of those
        seen so far; ' are those of the step before."""
        quotient = self._quotient(model, gradient)
        if not math.isfinite(quotient):
            return False
        if len(self.quotients) < 2:
            return True
        e = self.e
        share = (e.servers - e.declared_f_servers) / e.servers
        seen = torch.tensor(list(self.quotients), dtype=torch.float64)
        return quotient <= float(torch.quantile(seen, share))

    def accept(self, model: torch.Tensor, gradient: torch.Tensor, step: int) -> None:
        """The worker goes on from `model`, with `gradient` there."""
        quotient = self._quotient(model, gradient)
        if self.model is not None and math.isfinite(quotient):
            self.quotients.append(quotient)
        self.model, self.gradient = model, gradient
        e = self.e
        gathered = step == 0 or bool(e.gather_every and step % e.gather_every == 0)
        base = model if gathered else self.speculative
        self.speculative = base - e.lr_at(step) * gradient

    def _quotient(self, model: torch.Tensor, gradient: torch.Tensor) -> float:
        if self.model is None or self.gradient is None:
            return 0.0
        moved = float((model - self.model).norm())
        changed = float((gradient - self.gradient).norm())
        return changed / moved if moved > 0 else (0.0 if changed == 0 else math.inf)
