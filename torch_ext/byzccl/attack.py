# SPDX-License-Identifier: MIT
"""Adversaries: what a Byzantine rank sends instead of its own vector."""

from __future__ import annotations

import torch

from byzccl import _C


def craft(
    honest: torch.Tensor, attack: str, *, n: int, f: int, rank: int, step: int = 0
) -> torch.Tensor:
    """What the adversary at `rank` sends, given the honest vectors [h, ...]: a vector [...].

    `attack` is text such as "alie(z=1.5)"; n counts all ranks and f the Byzantine ones. `rank` and
    `step` seed what is random. Raises ValueError for an unknown attack or a bad parameter.
    """
    result: torch.Tensor = torch.ops.byzccl.craft(honest, attack, n, f, rank, step)
    return result


def canonical(attack: str) -> str:
    """The attack's text as the library prints it. Raises InvalidArgument."""
    return _C.canonical_attack(attack)
