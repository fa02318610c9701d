# SPDX-License-Identifier: MIT
"""Adversaries: what a Byzantine rank sends instead of its own vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from byzccl import _C
from byzccl.arguments import integer_of, text_of
from byzccl.errors import called
from byzccl.vectors import Vector, stacked


@dataclass(frozen=True)
class ParameterInfo:
    """One parameter of an attack."""

    name: str
    default: str
    """As it is written; in angle brackets where it is found, such as "<drawn>"."""


@dataclass(frozen=True)
class AttackInfo:
    """One attack."""

    name: str
    description: str
    on_messages: bool
    """It alters messages, by `deceit=` of Communicator and robustify; craft() refuses it."""
    parameters: tuple[ParameterInfo, ...]

    @property
    def signature(self) -> str:
        """The attack with all its defaults: "uniform(scale=1,seed=0)"."""
        inside = ",".join(f"{p.name}={p.default}" for p in self.parameters)
        return f"{self.name}({inside})" if inside else self.name


def attacks() -> tuple[AttackInfo, ...]:
    """Every attack that the library knows, in the order of docs/attacks.md."""
    return tuple(
        AttackInfo(name, description, on_messages, tuple(ParameterInfo(*p) for p in parameters))
        for name, description, on_messages, parameters in _C.attack_table()
    )


def craft(
    honest: Vector | Sequence[Vector], attack: str, *, n: int, f: int, rank: int, step: int = 0
) -> torch.Tensor:
    """What the adversary at `rank` sends, given the honest vectors [h, ...]: a vector [...].

    `honest` is a tensor or an array, or a list of h vectors, as aggregate() takes them.

    `attack` is text such as "alie(z=1.5)"; n counts all ranks and f the Byzantine ones. `rank` and
    `step` seed what is random. Raises InvalidArgument for an unknown attack or a bad parameter.
    """
    vectors = stacked(honest, "honest", dicts=False).stack
    text = text_of(attack, "attack")
    return called(torch.ops.byzccl.craft, vectors, text, *_numbers(n, f, rank, step))


def _numbers(n: int, f: int, rank: int, step: int) -> tuple[int, int, int, int]:
    counts = (integer_of(count, name, 32) for count, name in ((n, "n"), (f, "f"), (rank, "rank")))
    return (*counts, integer_of(step, "step"))  # type: ignore[return-value]


class Adversary:
    """One rank's adversary over the steps of a training: craft(), with the memory of `stale`."""

    def __init__(self, attack: str) -> None:
        """Raises InvalidArgument for an unknown attack, a bad parameter or one on messages."""
        self._core = _C.Adversary(text_of(attack, "attack"))

    def craft(
        self, honest: Vector | Sequence[Vector], *, n: int, f: int, rank: int, step: int = 0
    ) -> torch.Tensor:
        """As the function; call it once a step. A vector of another shape or dtype begins anew."""
        return self._core.craft(
            stacked(honest, "honest", dicts=False).stack.detach(), *_numbers(n, f, rank, step)
        )


def canonical(attack: str) -> str:
    """The attack's text as the library prints it. Raises InvalidArgument."""
    return _C.canonical_attack(text_of(attack, "attack"))
