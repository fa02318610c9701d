# SPDX-License-Identifier: MIT
"""One trusted server: it sends its model, the workers answer with gradients, a rule combines them.

server   model of step t      -> every worker
worker   gradient of step t   -> server
server   model - lr * rule(the first q gradients)
"""

from __future__ import annotations

import torch

from byzccl.lab.experiment import Experiment
from byzccl.lab.systems.aggregator import Aggregator, check_rule
from byzccl.lab.systems.byzantine import lying_worker
from byzccl.lab.systems.cast import Cast, Momentum
from byzccl.lab.systems.requests import (
    Collect,
    Excluded,
    Heard,
    Kind,
    Overtaken,
    QuorumLost,
    Record,
    Role,
)


class ParameterServer:
    """The server is node 0; it trusts no worker, and the workers trust it."""

    name = "parameter_server"

    def check(self, e: Experiment) -> None:
        if e.servers != 1 or e.byzantine_servers:
            raise ValueError(
                f"parameter_server has one server, which is trusted; got servers = {e.servers}, "
                f"byzantine_servers = {e.byzantine_servers}. byzsgd replicates it"
            )
        check_quorum("quorum", e.quorum, 1, e.workers)
        check_rule(e.rule_text, e.quorum or e.workers)

    def cast(self, e: Experiment) -> Cast:
        return Cast(e, servers=1)

    def observed(self, e: Experiment) -> tuple[int, ...]:
        return (0,)

    def notes(self, e: Experiment) -> list[str]:
        return []

    def node(self, e: Experiment, number: int, start: torch.Tensor) -> Role:
        cast = self.cast(e)
        if number == 0:
            return serve(cast, start)
        if cast.lies(number):
            q = max(1, (e.quorum or e.workers) - e.byzantine)
            q = min(q, len(cast.honest_workers))
            return lying_worker(cast, number, (0,), q)
        return cast.played(number, work(cast, number))


def serve(cast: Cast, start: torch.Tensor) -> Role:
    e = cast.experiment
    aggregator, model = Aggregator(e.rule_text), start.clone()
    q = e.quorum or e.workers
    for step in range(e.steps):
        yield from cast.tell(0, Kind.MODEL, step, model, cast.workers)
        heard: Heard = yield Collect(Kind.GRADIENT, step, cast.workers, q, fewest(e, q))
        gradient, left_out = aggregator.combine(heard, step)
        yield Excluded(left_out)
        if gradient is not None:
            model = model - e.lr_at(step) * gradient
        yield Record(step + 1, model)


def work(cast: Cast, number: int) -> Role:
    """Answers each model that comes; of those it was too slow for, only the newest."""
    e = cast.experiment
    momentum = Momentum(e.momentum)
    step = 0
    while step < e.steps:
        try:
            heard: Heard = yield Collect(Kind.MODEL, step, cast.servers, 1, 1)
        except Overtaken as gone:
            step = gone.step
            continue
        except QuorumLost:
            return  # the server has ended: there is nothing more to do
        sent = yield from cast.gradient(momentum, heard.rows[0], step)
        yield from cast.tell(number, Kind.GRADIENT, step, sent, cast.servers)
        step += 1


def fewest(e: Experiment, q: int) -> int:
    """Answers without which a step cannot be: whoever is silent is one of the f at most."""
    return max(1, min(q, e.workers - e.declared_f))


def check_quorum(name: str, q: int | None, least: int, most: int) -> None:
    """Raises ValueError unless least <= q <= most."""
    if q is not None and not least <= q <= most:
        raise ValueError(f"{name} must lie in {least} .. {most}, got {q}")
