# SPDX-License-Identifier: MIT
"""Small classifiers for small pictures."""

from __future__ import annotations

import torch
from torch import nn

from byzccl.lab import named
from byzccl.lab.data import CLASSES
from byzccl.lab.resnet import resnet18

MODELS = ("cnn", "mlp", "logistic", "resnet18")


def build(name: str, side: int, seed: int, channels: int = 1, classes: int = CLASSES) -> nn.Module:
    """A model for pictures [batch, channels, side, side] that returns [batch, classes].

    The same seed gives the same parameters. `name` is one of MODELS, or "module:function": your
    function(side=, channels=, classes=), called once torch's generator is seeded, returns the
    nn.Module. Raises ValueError for an unknown name, pictures too small for the model, or a model
    that keeps running statistics (BatchNorm): they are no gradient, so no rule would guard them.
    """
    torch.manual_seed(seed)
    if named.is_function(name):
        return of_user(name, side, channels, classes)
    if name == "cnn":
        if side < 4:
            raise ValueError(f"cnn needs pictures of side >= 4, got {side}")
        pooled = side // 2 // 2
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * pooled * pooled, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )
    pixels = channels * side * side
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(pixels, 64), nn.ReLU(), nn.Linear(64, classes))
    if name == "logistic":
        return nn.Sequential(nn.Flatten(), nn.Linear(pixels, classes))
    if name == "resnet18":
        return resnet18(channels, classes)
    raise ValueError(f'unknown model "{name}"; known: {", ".join(MODELS)}, module:function')


def of_user(text: str, side: int, channels: int, classes: int) -> nn.Module:
    model = named.function(text)(side=side, channels=channels, classes=classes)
    if not isinstance(model, nn.Module):
        raise ValueError(f'"{text}" must return an nn.Module, got {type(model).__name__}')
    for name, module in model.named_modules():
        if getattr(module, "running_mean", None) is not None:
            raise ValueError(
                f'"{text}": {name} ({type(module).__name__}) keeps running statistics, which no '
                "rule guards: take GroupNorm, or track_running_stats=False"
            )
    return model
