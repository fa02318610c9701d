# SPDX-License-Identifier: MIT
"""Small classifiers for small pictures."""

from __future__ import annotations

import torch
from torch import nn

from byzccl.lab.data import CLASSES

MODELS = ("cnn", "mlp")


def build(name: str, side: int, seed: int) -> nn.Module:
    """A model for pictures [batch, 1, side, side]; the same parameters for the same seed."""
    torch.manual_seed(seed)
    if name == "cnn":
        pooled = side // 2 // 2
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * pooled * pooled, 64),
            nn.ReLU(),
            nn.Linear(64, CLASSES),
        )
    if name == "mlp":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(side * side, 64), nn.ReLU(), nn.Linear(64, CLASSES)
        )
    raise ValueError(f'unknown model "{name}"; known: {", ".join(MODELS)}')
