# SPDX-License-Identifier: MIT
"""ResNet-18 for small pictures, with GroupNorm."""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.first_norm = normed(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = normed(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), normed(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = torch.relu(self.first_norm(self.first(x)))
        return torch.relu(self.second_norm(self.second(inner)) + self.shortcut(x))


def normed(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels)


def resnet18(channels: int, classes: int) -> nn.Module:
    """He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.

    For pictures of 32 x 32 pixels or so: it begins with a 3 x 3 convolution and does not pool
    there. Wu, He, "Group Normalization", ECCV 2018 (32 groups), stands in for BatchNorm, whose
    running statistics are no gradient.
    """
    layers: list[nn.Module] = [
        nn.Conv2d(channels, 64, 3, padding=1, bias=False), normed(64), nn.ReLU()
    ]  # fmt: skip
    inputs = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes)]
    return nn.Sequential(*layers)
