# SPDX-License-Identifier: MIT
"""Models of a given size, whose step computes on the CPU or waits as if on an accelerator."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import nn

WIDTH = 512
ELEMENTS_PER_LAYER = WIDTH * WIDTH


@dataclass
class Pace:
    """Seconds for which each layer's forward and backward pass waits, with the processor free."""

    forward: float = 0.0
    backward: float = 0.0


class _Wait(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, pace):  # type: ignore[no-untyped-def, override]
        ctx.pace = pace
        time.sleep(pace.forward)
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def, override]
        time.sleep(ctx.pace.backward)
        return gradient, None


class _Layer(nn.Module):
    """A linear layer of 1 MB."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self.pace = pace
        self.linear = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(_Wait.apply(self.linear(x), self.pace))


def layers_of(megabytes: float) -> int:
    """Layers whose float32 gradients are about so large."""
    return max(1, round(megabytes * 1e6 / (4 * ELEMENTS_PER_LAYER)))


def make_model(megabytes: float, pace: Pace) -> nn.Module:
    """Takes [batch, WIDTH]."""
    return nn.Sequential(*(_Layer(pace) for _ in range(layers_of(megabytes))))
