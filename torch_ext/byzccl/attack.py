# SPDX-License-Identifier: MIT
"""Adversaries: what a Byzantine rank sends instead of its own vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import torch

from byzccl import _C
from byzccl.arguments import integer_of, text_of, type_name
from byzccl.errors import InvalidArgument, called
from byzccl.rule import RuleLike, rule_text
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
    asks_rule: bool
    """It tries its vectors on the receivers' rule: craft() needs `rule=`."""
    parameters: tuple[ParameterInfo, ...]

    @property
    def signature(self) -> str:
        """The attack with all its defaults: "uniform(scale=1,seed=0)"."""
        inside = ",".join(f"{p.name}={p.default}" for p in self.parameters)
        return f"{self.name}({inside})" if inside else self.name


def attacks() -> tuple[AttackInfo, ...]:
    """Every attack that the library knows, in the order of docs/attacks.md."""
    return tuple(
        AttackInfo(name, text, on_messages, asks_rule, tuple(ParameterInfo(*p) for p in parameters))
        for name, text, on_messages, asks_rule, parameters in _C.attack_table()
    )


def craft(
    honest: Vector | Sequence[Vector],
    attack: str,
    *,
    n: int,
    f: int,
    rank: int,
    step: int = 0,
    rule: RuleLike | None = None,
    receiver: int = 0,
    weights: torch.Tensor | Sequence[float] | None = None,
) -> torch.Tensor:
    """What the adversary at `rank` sends, given the honest vectors [h, ...]: a vector [...].

    `honest` is a tensor or an array, or a list of h vectors, as aggregate() takes them.

    `attack` is text such as "alie(z=1.5)"; n counts all ranks and f the Byzantine ones. `rank` and
    `step` seed what is random. Same arguments, same bits.

    `rule` is what the receivers aggregate with. optimal_alie and optimal_ipm need it, the others
    ignore it: they try 24 vectors on it, f copies of each behind the honest ones, and send the one
    that takes its output farthest from the honest mean (h + f vectors must keep its bound).

    For dissensus, `receiver` is the number of the honest vector that is the receiver's own, and
    `weights` [h + f] are its mixing weights: of the honest vectors in their order, its own among
    them, then of its f Byzantine neighbours. None: all equal, as in a complete graph. In gossip n
    and f count the receiver's neighbourhood, n = h + f.

    Raises InvalidArgument for an unknown attack, a bad parameter, or one that needs a rule and got
    none.
    """
    vectors = stacked(honest, "honest", dicts=False).stack
    text = text_of(attack, "attack")
    known = (*_numbers(n, f, rank, step), *_receiver(rule, receiver, weights))
    return called(torch.ops.byzccl.craft, vectors, text, *known)


def _numbers(n: int, f: int, rank: int, step: int) -> tuple[int, int, int, int]:
    counts = (integer_of(count, name, 32) for count, name in ((n, "n"), (f, "f"), (rank, "rank")))
    return (*counts, integer_of(step, "step"))  # type: ignore[return-value]


def _receiver(
    rule: object, receiver: object, weights: object
) -> tuple[str | None, int, list[float]]:
    """What is known of who receives the vector, as the core takes it."""
    text = None if rule is None else rule_text(rule)
    given = weights.tolist() if hasattr(weights, "tolist") else weights
    given = [] if given is None else given
    if not isinstance(given, (list, tuple)) or not all(isinstance(x, Real) for x in given):
        raise InvalidArgument(f"weights must be numbers [h + f], got {type_name(weights)}")
    try:
        return text, integer_of(receiver, "receiver", 32), [float(x) for x in given]
    except OverflowError:  # an integer that no float holds
        raise InvalidArgument("weights must be numbers [h + f], got one out of range") from None


class Adversary:
    """One rank's adversary over the steps of a training: craft(), with the memory of `stale`."""

    def __init__(self, attack: str) -> None:
        """Raises InvalidArgument for an unknown attack, a bad parameter or one on messages."""
        self._core = _C.Adversary(text_of(attack, "attack"))

    def craft(
        self,
        honest: Vector | Sequence[Vector],
        *,
        n: int,
        f: int,
        rank: int,
        step: int = 0,
        rule: RuleLike | None = None,
        receiver: int = 0,
        weights: torch.Tensor | Sequence[float] | None = None,
    ) -> torch.Tensor:
        """As the function; call it once a step. A vector of another shape or dtype begins anew."""
        vectors = stacked(honest, "honest", dicts=False).stack.detach()
        known = (*_numbers(n, f, rank, step), *_receiver(rule, receiver, weights))
        return self._core.craft(vectors, *known)


def canonical(attack: str) -> str:
    """The attack's text as the library prints it. Raises InvalidArgument."""
    return _C.canonical_attack(text_of(attack, "attack"))
