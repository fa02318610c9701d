# SPDX-License-Identifier: MIT
"""ByzSGD: replicated servers, some of them Byzantine, beside Byzantine workers.

    server   model of step t                    -> every worker
    worker   gradient at the median of models   -> every server
    server   model - lr * rule(the first q gradients)
    server   every T steps: model -> every server; the median of the first q models

El-Mhamdi, Guerraoui, Guirguis, Hoang, Rouault, "Genuinely Distributed Byzantine Machine Learning",
PODC 2020. The last two steps keep the honest servers together: without them each goes its own way.
"""

from __future__ import annotations

import torch

import byzccl
from byzccl.lab.experiment import Experiment
from byzccl.lab.systems.aggregator import Aggregator, check_rule
from byzccl.lab.systems.byzantine import lying_server, lying_worker
from byzccl.lab.systems.cast import Cast, Momentum
from byzccl.lab.systems.filters import Filters
from byzccl.lab.systems.parameter_server import check_quorum, fewest
from byzccl.lab.systems.requests import (
    Collect,
    Excluded,
    Gradient,
    Heard,
    Kind,
    Overtaken,
    Part,
    QuorumLost,
    Record,
    Role,
)


class ByzSgd:
    """n_ps >= 3 f_ps + 2 servers, n_w >= 3 f_w + 1 workers."""

    name = "byzsgd"

    def check(self, e: Experiment) -> None:
        f_ps, f_w = e.declared_f_servers, e.declared_f
        if e.servers < 3 * f_ps + 2:
            raise ValueError(
                f"byzsgd needs servers >= 3 f_servers + 2, got servers = {e.servers}, "
                f"f_servers = {f_ps}"
            )
        if e.workers < 3 * f_w + 1:
            raise ValueError(
                f"byzsgd needs workers >= 3 f + 1, got workers = {e.workers}, f = {f_w}"
            )
        check_quorum("server_quorum", e.server_quorum, 2 * f_ps + 2, e.servers - f_ps)
        check_quorum("quorum", e.quorum, 2 * f_w + 1, e.workers - f_w)
        if e.filters and (e.quorum or e.server_quorum):
            raise ValueError(
                "filters belong to the synchronous variant: leave out quorum and server_quorum"
            )
        check_rule(e.rule_text, e.quorum or e.workers)

    def cast(self, e: Experiment) -> Cast:
        return Cast(e, servers=e.servers)

    def observed(self, e: Experiment) -> tuple[int, ...]:
        return self.cast(e).honest_servers

    def notes(self, e: Experiment) -> list[str]:
        return []

    def node(self, e: Experiment, number: int, start: torch.Tensor) -> Role:
        cast = self.cast(e)
        if number in cast.servers and not cast.lies(number):
            return cast.played(number, serve(cast, number, start))
        if number in cast.servers:
            q = min(len(cast.honest_servers), (e.server_quorum or e.servers) - e.byzantine_servers)
            return lying_server(cast, number, max(1, q))
        if cast.lies(number):
            q = min(len(cast.honest_workers), (e.quorum or e.workers) - e.byzantine)
            return lying_worker(cast, number, cast.servers, max(1, q))
        if e.filters:
            return cast.played(number, work_with_filters(cast, number, start))
        return cast.played(number, work(cast, number))


def serve(cast: Cast, number: int, start: torch.Tensor) -> Role:
    """Scatter every step, gather every T. A server that falls behind jumps to where the others are
    and comes back to their models with the next contraction."""
    e = cast.experiment
    aggregator, model = Aggregator(e.rule_text), start.clone()
    q = e.quorum or e.workers
    step = 0
    while step < e.steps:
        yield from cast.tell(number, Kind.MODEL, step, model, readers(cast, number, step))
        try:
            heard: Heard = yield Collect(Kind.GRADIENT, step, cast.workers, q, fewest(e, q))
        except Overtaken as gone:
            step = gone.step
            continue
        gradient, left_out = aggregator.combine(heard, step)
        yield Excluded(left_out)
        if gradient is not None:
            model = model - e.lr_at(step) * gradient
        if e.gather_every and (step + 1) % e.gather_every == 0:
            model = yield from contract(cast, number, step, model)
        yield Record(step + 1, model)
        step += 1


def contract(cast: Cast, number: int, step: int, model: torch.Tensor) -> Part:
    """The coordinate-wise median of the first models of servers, the own one among them."""
    e = cast.experiment
    yield from cast.tell(number, Kind.CONTRACTION, step, model, cast.servers)
    q = e.server_quorum or e.servers
    try:
        heard: Heard = yield Collect(
            Kind.CONTRACTION, step, cast.servers, q, fewest_servers(e, q), own=model
        )
    except Overtaken:
        return model  # the others are further: the next contraction brings this one back
    return byzccl.aggregate(heard.rows, median(e))


def work(cast: Cast, number: int) -> Role:
    """The gradient at the coordinate-wise median of the first models."""
    e = cast.experiment
    momentum = Momentum(e.momentum)
    q = e.server_quorum or e.servers
    step = 0
    while step < e.steps:
        try:
            heard: Heard = yield Collect(Kind.MODEL, step, cast.servers, q, fewest_servers(e, q))
        except Overtaken as gone:
            step = gone.step
            continue
        except QuorumLost:
            return  # the servers have ended
        model = byzccl.aggregate(heard.rows, median(e))
        sent = yield from cast.gradient(momentum, model, step)
        yield from cast.tell(number, Kind.GRADIENT, step, sent, cast.servers)
        step += 1


def work_with_filters(cast: Cast, number: int, start: torch.Tensor) -> Role:
    """Reads one server a step, and the next one if the model does not pass the filters.

    After a gather it takes the median of all, as the servers do. If every server that was to send
    to it is turned down, it goes on from its own speculative model.
    """
    e = cast.experiment
    momentum, filters = Momentum(e.momentum), Filters(e, start)
    for step in range(e.steps):
        if is_gather(e, step):
            q = e.servers
            heard: Heard = yield Collect(Kind.MODEL, step, cast.servers, q, fewest_servers(e, q))
            model = byzccl.aggregate(heard.rows, median(e))
            gradient = yield Gradient(model, step)
        else:
            model, gradient = yield from first_that_passes(cast, number, step, filters)
        filters.accept(model, gradient, step)
        yield from cast.tell(number, Kind.GRADIENT, step, momentum.add(gradient), cast.servers)


def first_that_passes(cast: Cast, number: int, step: int, filters: Filters) -> Part:
    for server in servers_of(cast, number, step):
        try:
            heard: Heard = yield Collect(Kind.MODEL, step, (server,), 1, 1, patience=1)
        except (Overtaken, QuorumLost):
            continue  # it is silent, which an honest server is not
        model = heard.rows[0]
        if not filters.is_near(model, step):
            continue
        gradient = yield Gradient(model, step)
        if filters.is_smooth(model, gradient):
            return model, gradient
    model = filters.speculative
    gradient = yield Gradient(model, step)
    return model, gradient


def is_gather(e: Experiment, step: int) -> bool:
    """Whether the models of `step` are those that a contraction has just brought together."""
    return step == 0 or bool(e.gather_every and step % e.gather_every == 0)


def servers_of(cast: Cast, worker: int, step: int) -> tuple[int, ...]:
    """Whom a worker reads, in order: f_ps + 1 servers, so that one of them is honest. They move on
    by one each step, from a start of the worker's own."""
    e = cast.experiment
    start = (e.seed + 7919 * cast.worker_number(worker)) % e.servers
    count = e.declared_f_servers + 1
    return tuple((start + step + k) % e.servers for k in range(count))


def readers(cast: Cast, server: int, step: int) -> tuple[int, ...]:
    """The workers to whom a server sends its model."""
    e = cast.experiment
    if not e.filters or is_gather(e, step):
        return cast.workers
    return tuple(w for w in cast.workers if server in servers_of(cast, w, step))


def fewest_servers(e: Experiment, q: int) -> int:
    """Models without which a step cannot be."""
    return max(1, min(q, e.servers - e.declared_f_servers))


def median(e: Experiment) -> str:
    return f"median(f={e.declared_f_servers})"
