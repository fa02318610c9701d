# SPDX-License-Identifier: MIT
"""All nodes in one process, on a clock of their own: a seed gives one schedule, for ever."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

import byzccl
from byzccl.lab.engines import Progress
from byzccl.lab.engines.history import History
from byzccl.lab.engines.letters import Letters
from byzccl.lab.engines.reduction import Reduction
from byzccl.lab.engines.scene import Scene
from byzccl.lab.experiment import Experiment
from byzccl.lab.learner import gradients
from byzccl.lab.observer import Observer
from byzccl.lab.outcome import HeardBy, Outcome
from byzccl.lab.systems.requests import (
    AllReduce,
    Collect,
    Crash,
    Excluded,
    Gradient,
    Overtaken,
    Pause,
    Publish,
    QuorumLost,
    Record,
    Role,
)

WAITS = object()
"""In place of an answer: the node waits for one."""


@dataclass
class Actor:
    """A node and what it waits for."""

    number: int
    life: Role
    letters: Letters
    wanted: Any = None  # the request that it waits with
    since: int = 0  # counts its requests: a timer for an older one means nothing
    patience: float = 0.0  # of the timer that is set for it
    done: bool = False


class Simulation:
    """Events in the order of their time; those of one moment in the order of their making."""

    def __init__(self, e: Experiment, progress: Progress, replay: History | None) -> None:
        self.e, self.progress = e, progress
        self.scene = Scene(e)
        self.cast = self.scene.cast
        self.outcome = Outcome(e, notes=self.scene.system.notes(e))
        self.observer = Observer(e, self.scene.task, self.scene.dataset, self.outcome)
        self.history = History(e.steps)
        self.actors = [
            Actor(k, self.scene.node(k), Letters(k, e.steps, self.history, replay))
            for k in self.cast.nodes
        ]
        self.learners = {k: self.scene.learner(k) for k in self.cast.workers}
        self.reduction = Reduction(e, self.cast)
        self.random = np.random.default_rng([e.seed, e.steps])
        self.now = 0.0
        self.order = itertools.count()
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.computing: list[tuple[Actor, Gradient]] = []
        self.models: dict[int, dict[int, torch.Tensor]] = defaultdict(dict)  # of steps to look at
        self.looked_at = 0

    def run(self) -> Outcome:
        start = time.perf_counter()
        self.observer.see(0, dict.fromkeys(self.scene.observed, self.scene.start), 0.0)
        for actor in self.actors:
            self.resume(actor, None)
        while self.computing or self.events:
            if self.computing and (not self.events or self.events[0][0] > self.now):
                self.compute()
                continue
            self.now, _, event = heapq.heappop(self.events)
            event()
        for step in sorted(self.models):
            self.look(step)
        if lacking := self.reduction.lacking():
            self.outcome.failed = lacking
        self.outcome.heard = self.history.steps
        self.outcome.seconds = self.now if self.e.delays else time.perf_counter() - start
        return self.outcome

    def at(self, moment: float, event: Callable[[], None]) -> None:
        heapq.heappush(self.events, (moment, next(self.order), event))

    def delay(self) -> float:
        """Seconds of a message or a gradient: exponential, so that a few are very late."""
        return float(self.random.exponential(self.e.delays)) if self.e.delays else 0.0

    def resume(self, actor: Actor, answer: Any) -> None:
        """Lets the node go on until it has to wait."""
        while not actor.done:
            try:
                if isinstance(answer, Exception):
                    request = actor.life.throw(answer)
                else:
                    request = actor.life.send(answer)
            except StopIteration:
                actor.done = True
                return
            except (QuorumLost, Overtaken, byzccl.Error) as error:
                actor.done = True
                if self.cast.is_honest(actor.number) and self.outcome.failed is None:
                    self.outcome.failed = f"node {actor.number} ended: {error}"
                return
            actor.wanted, actor.since, actor.patience = request, actor.since + 1, 0.0
            answer = self.handle(actor, request)
            if answer is WAITS:
                return

    def handle(self, actor: Actor, request: Any) -> Any:
        """The answer, or WAITS."""
        if isinstance(request, Publish):
            return self.publish(actor, request)
        if isinstance(request, Collect):
            return self.collect(actor, request)
        if isinstance(request, Gradient):
            self.computing.append((actor, request))
            return WAITS
        if isinstance(request, AllReduce):
            if self.reduction.add(actor.number, request):
                self.reduce(self.scene.bytes_of(request.vector))
            return WAITS
        if isinstance(request, Record):
            return self.record(actor, request)
        if isinstance(request, Pause):
            self.at(self.now + request.seconds, partial(self.resume, actor, None))
            return WAITS
        if isinstance(request, Crash):
            actor.done = True
            return WAITS
        assert isinstance(request, Excluded)
        return self.exclude(request.nodes)

    def publish(self, actor: Actor, request: Publish) -> None:
        """What adversaries see and send takes no time: they are as strong as can be."""
        counted = request.kind.is_of_system and self.cast.is_honest(actor.number)
        vector = request.vector.detach()
        if counted:
            self.outcome.bytes_sent += len(request.to) * self.scene.bytes_of(vector)
            self.outcome.messages += len(request.to)
        for to in request.to:
            moment = self.now + (self.delay() if counted else 0.0)
            self.at(moment, partial(self.arrive, self.actors[to], actor.number, request, vector))

    def arrive(self, actor: Actor, sender: int, request: Publish, vector: torch.Tensor) -> None:
        if actor.done:
            return
        actor.letters.add(sender, request.kind, request.step, vector)
        wanted = actor.wanted
        if isinstance(wanted, Collect) and wanted.kind == request.kind:
            answer = self.collect(actor, wanted)
            if answer is not WAITS:
                self.resume(actor, answer)

    def collect(self, actor: Actor, request: Collect) -> Any:
        answer = actor.letters.answer(request)
        if answer is not None:
            return answer
        patience = 1.0 if actor.letters.has_least(request) else request.patience
        if patience != actor.patience:
            actor.patience = patience
            limit = self.now + patience * self.e.timeout
            self.at(limit, partial(self.give_up, actor, request, actor.since))
        return WAITS

    def give_up(self, actor: Actor, request: Collect, since: int) -> None:
        if not actor.done and actor.since == since:
            self.resume(actor, actor.letters.at_deadline(request))

    def compute(self) -> None:
        """All gradients that are asked for now: together or, to the bit of processes, each."""
        jobs, self.computing = self.computing, []
        learners = [self.learners[actor.number] for actor, _ in jobs]
        wanted = [request for _, request in jobs]
        if self.e.exact or len(jobs) == 1:
            found = [one.gradient(w) for one, w in zip(learners, wanted, strict=True)]
        else:
            found = list(gradients(learners, wanted))
        for (actor, _), result in zip(jobs, found, strict=True):
            self.at(self.now + self.delay(), partial(self.resume, actor, result))

    def reduce(self, vector_bytes: int) -> None:
        results, left_out = self.reduction.results()
        honest = len(self.cast.honest_workers)
        self.outcome.bytes_sent += honest * self.reduction.bytes_of_node(vector_bytes)
        self.exclude(left_out)
        for node, result in results.items():
            self.at(self.now, partial(self.resume, self.actors[node], result))

    def exclude(self, nodes: tuple[int, ...]) -> None:
        for node in nodes:
            self.outcome.excluded[node] = self.outcome.excluded.get(node, 0) + 1

    def record(self, actor: Actor, request: Record) -> None:
        """Models are looked at once the last node has sent its own, or a later one."""
        if actor.number not in self.scene.observed:
            return
        self.models[request.step][actor.number] = request.model
        while len(self.models.get(self.looked_at + 1, {})) == len(self.scene.observed):
            self.look(self.looked_at + 1)

    def look(self, step: int) -> None:
        accuracy = self.observer.see(step, self.models.pop(step), self.now)
        self.looked_at = step
        if accuracy is not None:
            self.progress(step, accuracy)


def simulate(e: Experiment, progress: Progress, replay: list[HeardBy] | None) -> Outcome:
    record = None if replay is None else History(e.steps, replay)
    return Simulation(e, progress, record).run()
