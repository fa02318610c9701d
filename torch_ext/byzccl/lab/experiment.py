# SPDX-License-Identifier: MIT
"""One experiment of the lab: what a run is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import torch

import byzccl
from byzccl.lab import fault, partition
from byzccl.lab.adversary import LABEL_FLIP, asks_rule, on_gradient

SYSTEMS = ("parameter_server", "byzsgd", "gossip", "ring", "sharded")
ENGINES = ("simulated", "processes")
SCHEDULES = ("constant", "linear", "cosine")


@dataclass(frozen=True)
class Experiment:
    """Everything that a run is asked for.

    The same experiment gives the same result, but where nodes over real processes take the first
    answers that come: then the outcome says who was heard, and that record replays.

    Nodes are numbered from 0, servers first; the Byzantine ones are the last of the servers and
    the last of the workers. The names of the fields are those of the flags of `lab run`.
    """

    system: str = "parameter_server"
    engine: str = "simulated"
    workers: int = 10
    byzantine: int = 2  # Byzantine workers
    servers: int = 1  # of parameter_server and byzsgd
    byzantine_servers: int = 0
    graph: str = "complete"  # of gossip
    rule: str = "mda"  # a name without parameters gets the declared f
    f: int | None = None  # declared to the rule; as many as there are unless given
    f_servers: int | None = None  # declared for servers; as many as there are unless given
    attack: str = "none"  # of Byzantine workers
    server_attack: str | None = None  # of Byzantine servers; `attack` unless given
    steps: int = 100
    seed: int = 1
    data: str = "auto"
    model: str = "mlp"
    partition: str = "iid"
    batch: int = 32
    lr: float = 0.1
    schedule: str = "constant"
    momentum: float = 0.0  # of each worker: m = momentum m + (1 - momentum) gradient
    local_steps: int = 1  # steps of SGD that a worker takes before it answers (FedAvg)
    quorum: int | None = None  # answers of workers (gossip: neighbours) to wait for; else all
    server_quorum: int | None = None  # models of servers to wait for; else all
    gather_every: int = 10  # byzsgd: steps from one contraction to the next; 0: never
    filters: bool = False  # byzsgd, synchronous: a worker reads one server a step and checks it
    learn: bool = False  # gossip: LEARN, with gradients and rounds of agreement
    evaluations: int = 10
    exact: bool = False  # simulated: node by node, the same bits as processes
    delays: float = 0.0  # simulated: mean seconds of a message and of a gradient, drawn by the seed
    timeout: float = 30.0  # seconds that a node waits for others

    @property
    def declared_f(self) -> int:
        return self.byzantine if self.f is None else self.f

    @property
    def declared_f_servers(self) -> int:
        return self.byzantine_servers if self.f_servers is None else self.f_servers

    @property
    def attack_of_servers(self) -> str:
        return self.attack if self.server_attack is None else self.server_attack

    @property
    def rule_text(self) -> str:
        """The rule with the declared f, where it takes one and is written without parameters."""
        *steps, rule = (part.strip() for part in self.rule.split("+"))
        takes = {
            info.name for info in byzccl.rules() if any(p.name == "f" for p in info.parameters)
        }
        # A step without an f takes that of the rule behind it.
        return "+".join([*steps, f"{rule}(f={self.declared_f})" if rule in takes else rule])

    def lr_at(self, step: int) -> float:
        """The learning rate of step `step`, from 0."""
        if self.schedule == "linear":
            return self.lr * (1 - step / self.steps)
        if self.schedule == "cosine":
            return self.lr * (1 + math.cos(math.pi * step / self.steps)) / 2
        return self.lr

    def checked(self) -> Experiment:
        """Itself. Raises ValueError, with the bound and the numbers, for what cannot be run."""
        _one_of("system", self.system, SYSTEMS)
        _one_of("engine", self.engine, ENGINES)
        _one_of("schedule", self.schedule, SCHEDULES)
        for name in ("workers", "servers", "steps", "batch", "local_steps", "evaluations"):
            _at_least(name, getattr(self, name), 1)
        for name in ("byzantine", "byzantine_servers", "seed", "gather_every", "lr", "delays"):
            _at_least(name, getattr(self, name), 0)
        if not self.timeout > 0:
            raise ValueError(f"timeout must be above 0 seconds, got {self.timeout}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")
        if self.byzantine >= self.workers:
            raise ValueError(f"of {self.workers} workers {self.byzantine} cannot be Byzantine")
        if self.byzantine_servers >= self.servers:
            raise ValueError(
                f"of {self.servers} servers {self.byzantine_servers} cannot be Byzantine"
            )
        partition.parse(self.partition)
        for text in (self.attack, self.attack_of_servers):
            if fault.is_fault(text):
                fault.parse(text)
            elif text not in ("none", LABEL_FLIP):
                byzccl.attack.canonical(text)
        self._try(self.attack, self.workers, self.byzantine)
        self._try(self.attack_of_servers, self.servers, self.byzantine_servers)
        if self.server_attack == LABEL_FLIP:
            raise ValueError("servers have no labels to flip: give another server_attack")
        from byzccl.lab.systems import system_of

        system_of(self).check(self)
        return self

    def _try(self, attack: str, n: int, f: int) -> None:
        """Raises InvalidArgument if so many nodes cannot carry out the attack."""
        if f == 0 or not on_gradient(attack) or fault.is_fault(attack) or asks_rule(attack):
            return
        byzccl.attack.craft(torch.zeros(n - f, 64), attack, n=n, f=f, rank=n - 1)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Experiment:
        """From a table, as JSON or TOML gives one. Raises ValueError for a name that is none."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        return cls(**values)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f'unknown {name} "{value}"; known: {", ".join(known)}')


def _at_least(name: str, value: float, least: int) -> None:
    if not value >= least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
