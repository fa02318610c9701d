# SPDX-License-Identifier: MIT
"""What a node of a system asks of the engine that runs it.

A node is a generator: it yields requests, and the engine sends the answers. So the same node runs
among processes and in a simulation, and its schedule can be replayed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import torch


class Kind(IntEnum):
    """What a message carries. A SEEN one tells adversaries what an honest node has sent."""

    MODEL = 0
    GRADIENT = 1
    CONTRACTION = 2  # models among servers
    AGREEMENT = 3  # gradients that neighbours agree on (LEARN)
    SEEN_MODEL = 4
    SEEN_GRADIENT = 5
    SEEN_CONTRACTION = 6
    SEEN_AGREEMENT = 7
    ASKED = 8  # the engine's: which step's model is wanted
    SNAPSHOT = 9  # the engine's: a model

    @property
    def seen(self) -> Kind:
        return Kind(self + 4)

    @property
    def is_of_system(self) -> bool:
        """Whether the system itself needs the message; the others are not counted."""
        return self < 4


@dataclass(frozen=True)
class Publish:
    """Sends `vector` [d] to each node of `to`; never waits for them. Answer: None."""

    kind: Kind
    step: int
    vector: torch.Tensor
    to: tuple[int, ...]


class Heard(NamedTuple):
    """The first vectors that came, in the order of the nodes' numbers."""

    nodes: tuple[int, ...]
    rows: torch.Tensor  # [len(nodes), d]


@dataclass(frozen=True)
class Collect:
    """Waits for the first `q` vectors from `sources`. Answer: Heard.

    Once `least` have come the others have one timeout more, and whoever is silent by then is not
    waited for again before something comes from it. If `least` do not come within `patience`
    timeouts, or cannot come any more, QuorumLost is raised in the node; if the others have moved
    on, Overtaken.
    """

    kind: Kind
    step: int
    sources: tuple[int, ...]
    q: int
    least: int
    own: torch.Tensor | None = None  # the node's own vector, one of the q, where it is a source
    patience: float = 10.0  # long: those who are waited for may wait themselves


class Overtaken(Exception):
    """What was asked for is gone, because the others are at `step` now."""

    def __init__(self, step: int) -> None:
        super().__init__(f"the others are at step {step}")
        self.step = step


class QuorumLost(Exception):
    """Fewer nodes answered in time than the system needs."""


@dataclass(frozen=True)
class Gradient:
    """The gradient [d] of the node's own loss at `model` [d]; the batch is that of `step`."""

    model: torch.Tensor
    step: int


@dataclass(frozen=True)
class AllReduce:
    """The robust all-reduce over all nodes. Answer: [d], or None: it failed closed."""

    vector: torch.Tensor
    step: int
    previous: torch.Tensor | None = None


@dataclass(frozen=True)
class Record:
    """The node's model after `step` steps. Answer: None."""

    step: int
    model: torch.Tensor


@dataclass(frozen=True)
class Excluded:
    """Nodes that the rule gave no weight in this step. Answer: None."""

    nodes: tuple[int, ...]


@dataclass(frozen=True)
class Pause:
    """The node does nothing for so many seconds. Answer: None."""

    seconds: float


@dataclass(frozen=True)
class Crash:
    """The node is gone from here on, without a word. No answer."""


Request = Publish | Collect | Gradient | AllReduce | Record | Excluded | Pause | Crash
Role = Generator[Request, Any, None]
Part = Generator[Request, Any, Any]
"""A part of a role, for `yield from`."""
