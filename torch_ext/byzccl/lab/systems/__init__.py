# SPDX-License-Identifier: MIT
"""The systems of the field, each as what its nodes do: a new one is a file and a line here."""

from __future__ import annotations

from typing import Protocol

import torch

from byzccl.lab.experiment import Experiment
from byzccl.lab.systems.all_reduce import RobustAllReduce
from byzccl.lab.systems.byzsgd import ByzSgd
from byzccl.lab.systems.cast import Cast
from byzccl.lab.systems.gossip import Gossip
from byzccl.lab.systems.parameter_server import ParameterServer
from byzccl.lab.systems.requests import Role


class System(Protocol):
    """What an engine needs to know of a system."""

    @property
    def name(self) -> str: ...
    def check(self, e: Experiment) -> None:
        """Raises ValueError, with the bound and the numbers, for what the system cannot do."""

    def cast(self, e: Experiment) -> Cast: ...
    def observed(self, e: Experiment) -> tuple[int, ...]:
        """The honest nodes whose models count."""

    def node(self, e: Experiment, number: int, start: torch.Tensor) -> Role:
        """What node `number` does. All nodes start from the same model, `start` [d]."""

    def notes(self, e: Experiment) -> list[str]:
        """What a reader of the result should know."""


_ALL: tuple[System, ...] = (
    ParameterServer(),
    ByzSgd(),
    Gossip(),
    RobustAllReduce("ring"),
    RobustAllReduce("sharded"),
)


def system_of(e: Experiment) -> System:
    """Raises KeyError for a name that is none: Experiment.checked() has looked."""
    return {system.name: system for system in _ALL}[e.system]
