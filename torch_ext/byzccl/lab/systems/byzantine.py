# SPDX-License-Identifier: MIT
"""Byzantine nodes: each step they see what honest nodes send, and send what the attack makes of it.

Real attackers know less: this is the strongest form of each attack. One that sees q honest vectors
does not wait for more, or it would come last and be left out of every quorum.
"""

from __future__ import annotations

import torch

from byzccl import attack as adversaries
from byzccl.lab import adversary
from byzccl.lab.graph import Graph
from byzccl.lab.systems.cast import Cast
from byzccl.lab.systems.requests import (
    Collect,
    Heard,
    Kind,
    Overtaken,
    Part,
    Publish,
    QuorumLost,
    Role,
)


class Liar:
    """One Byzantine node's lies of one kind, to `to`."""

    def __init__(self, cast: Cast, node: int, kind: Kind, to: tuple[int, ...], q: int) -> None:
        e = cast.experiment
        worker = node in cast.workers
        self.peers = cast.workers if worker else cast.servers
        self.honest = cast.honest_workers if worker else cast.honest_servers
        self.node, self.kind, self.to, self.q = node, kind, to, q
        self.f = len(self.peers) - len(self.honest)
        text = e.attack if worker else e.attack_of_servers
        # What its receivers aggregate with: some attacks try their vectors on it.
        self.rule = cast.rule if worker else f"median(f={e.declared_f_servers})"
        # What is told to one and not to the other (equivocate) is no function of honest vectors.
        self.splits = adversary.on_messages(text)
        self.attack = adversaries.Adversary("none" if self.splits else text)

    def crafted(self, step: int) -> Part:
        """What the attack makes of the step. Raises Overtaken."""
        heard: Heard = yield Collect(self.kind.seen, step, self.honest, self.q, 1)
        return self.attack.craft(
            heard.rows, n=len(self.peers), f=self.f, rank=self.peers.index(self.node), step=step,
            rule=self.rule,
        )  # fmt: skip

    def lie(self, step: int) -> Part:
        """Crafts and sends. Raises Overtaken."""
        vector = yield from self.crafted(step)
        if self.splits:
            yield Publish(self.kind, step, vector, self.to[0::2])
            yield Publish(self.kind, step, -vector, self.to[1::2])
        else:
            yield Publish(self.kind, step, vector, self.to)


class LiarAmongNeighbours(Liar):
    """In gossip; `dissensus` tells each neighbour what undoes that neighbour's own step."""

    def __init__(self, cast: Cast, node: int, kind: Kind, found: Graph) -> None:
        super().__init__(cast, node, kind, found.neighbours[node], len(cast.honest_workers))
        self.found, self.weights = found, found.weights()
        self.each = cast.experiment.attack.startswith("dissensus")

    def lie(self, step: int) -> Part:
        if not self.each:
            yield from super().lie(step)
            return
        heard: Heard = yield Collect(self.kind.seen, step, self.honest, self.q, 1)
        for receiver in self.to:
            if receiver in heard.nodes:
                yield Publish(self.kind, step, self.told(receiver, heard, step), (receiver,))

    def told(self, receiver: int, heard: Heard, step: int) -> torch.Tensor:
        liars = [node for node in self.found.neighbours[receiver] if node not in self.honest]
        weights = self.weights[receiver, [*heard.nodes, *liars]]
        h, f = len(heard.nodes), len(liars)
        return self.attack.craft(
            heard.rows, n=h + f, f=f, rank=h + liars.index(self.node), step=step,
            receiver=heard.nodes.index(receiver), weights=weights.tolist(),
        )  # fmt: skip


def lying_worker(cast: Cast, node: int, to: tuple[int, ...], q: int) -> Role:
    """Sees q honest gradients a step and sends its lie to the nodes `to`."""
    e = cast.experiment
    liar = Liar(cast, node, Kind.GRADIENT, to, q)
    step = 0
    while step < e.steps:
        try:
            yield from liar.lie(step)
            step += 1
        except Overtaken as gone:
            step = gone.step
        except QuorumLost:
            return  # the honest ones have ended


def lying_server(cast: Cast, node: int, q: int) -> Role:
    """Lies about its model to the workers, and to the other servers where they contract."""
    e = cast.experiment
    others = tuple(server for server in cast.servers if server != node)
    scatter = Liar(cast, node, Kind.MODEL, cast.workers, q)
    gather = Liar(cast, node, Kind.CONTRACTION, others, q)
    step = 0
    while step < e.steps:
        try:
            yield from scatter.lie(step)
            if e.gather_every and (step + 1) % e.gather_every == 0:
                yield from gather.lie(step)
            step += 1
        except Overtaken as gone:
            step = max(step + 1, gone.step)
        except QuorumLost:
            return
