# SPDX-License-Identifier: MIT
"""Who plays what: servers and workers, honest and Byzantine, and how they talk."""

from __future__ import annotations

import torch

from byzccl.lab import adversary
from byzccl.lab.experiment import Experiment
from byzccl.lab.fault import is_fault
from byzccl.lab.systems.faulty import faulty
from byzccl.lab.systems.mixing import is_of_gossip
from byzccl.lab.systems.requests import Gradient, Kind, Part, Publish, Role


class Cast:
    """The nodes of an experiment. Servers come first; the Byzantine ones are the last of a kind."""

    def __init__(self, experiment: Experiment, servers: int) -> None:
        """`servers`: 0 where every node is a worker."""
        self.experiment = experiment
        e = experiment
        self.servers = tuple(range(servers))
        self.workers = tuple(range(servers, servers + e.workers))
        lying = e.byzantine_servers if servers else 0
        self.honest_servers = self.servers[: servers - lying]
        self.honest_workers = self.workers[: e.workers - e.byzantine]
        self.byzantine_servers = self.servers[servers - lying :]
        self.byzantine_workers = self.workers[e.workers - e.byzantine :]

    @property
    def rule(self) -> str | None:
        """The rule of byzccl that workers' vectors meet; None where gossip has one of its own."""
        e = self.experiment
        return None if is_of_gossip(e.rule) else e.rule_text

    @property
    def nodes(self) -> tuple[int, ...]:
        return self.servers + self.workers

    def is_honest(self, node: int) -> bool:
        return node in self.honest_servers or node in self.honest_workers

    def worker_number(self, node: int) -> int:
        """Which part of the data is the node's."""
        return node - len(self.servers)

    def attack_of(self, node: int) -> str:
        """What a Byzantine node does; "none" for the others."""
        if self.is_honest(node):
            return "none"
        e = self.experiment
        return e.attack if node in self.workers else e.attack_of_servers

    def lies(self, node: int) -> bool:
        """Whether the node sends what it makes of honest vectors, or parts of messages, in place
        of playing its part."""
        text = self.attack_of(node)
        return adversary.on_messages(text) or (adversary.on_gradient(text) and not is_fault(text))

    def played(self, node: int, part: Role) -> Role:
        """An honest part as the node plays it: a faulty one is late, silent or gone."""
        text = self.attack_of(node)
        return faulty(part, text) if is_fault(text) else part

    def flips_labels(self, node: int) -> bool:
        return self.attack_of(node) == adversary.LABEL_FLIP

    def sees(self, kind: Kind) -> tuple[int, ...]:
        """The adversaries to whom honest nodes show what they send of this kind."""
        if kind in (Kind.GRADIENT, Kind.AGREEMENT) or not self.servers:
            seeing = self.byzantine_workers
        else:
            seeing = self.byzantine_servers
        return seeing if seeing and self.lies(seeing[0]) else ()

    def tell(
        self, node: int, kind: Kind, step: int, vector: torch.Tensor, to: tuple[int, ...]
    ) -> Part:
        """An honest node's vector goes to `to`, and under the adversaries' eyes."""
        yield Publish(kind, step, vector, tuple(other for other in to if other != node))
        if seeing := self.sees(kind):
            yield Publish(kind.seen, step, vector, seeing)

    def gradient(self, momentum: Momentum, model: torch.Tensor, step: int) -> Part:
        """What an honest worker sends: its gradient, or its momentum of them."""
        found = yield Gradient(model, step)
        return momentum.add(found)


class Momentum:
    """Of one worker: m = beta m + (1 - beta) g; beta = 0 is g itself."""

    def __init__(self, beta: float) -> None:
        self.beta = beta
        self.value: torch.Tensor | None = None

    def add(self, gradient: torch.Tensor) -> torch.Tensor:
        if self.beta == 0:
            return gradient
        before = torch.zeros_like(gradient) if self.value is None else self.value
        self.value = self.beta * before + (1 - self.beta) * gradient
        return self.value
