# SPDX-License-Identifier: MIT
"""One node as a process: its requests go to a byzccl.Node, or to a communicator."""

from __future__ import annotations

import json
import math
import os
import signal
import time
from typing import Any

import torch
import torch.distributed as dist

import byzccl
from byzccl.lab.adversary import on_messages
from byzccl.lab.engines import Progress
from byzccl.lab.engines.history import History
from byzccl.lab.engines.scene import Scene
from byzccl.lab.engines.snapshots import Snapshots
from byzccl.lab.systems.requests import (
    AllReduce,
    Collect,
    Crash,
    Excluded,
    Gradient,
    Heard,
    Kind,
    Overtaken,
    Pause,
    Publish,
    QuorumLost,
    Record,
)


class Member:
    """Rank r of the default group is node r."""

    def __init__(self, scene: Scene, progress: Progress) -> None:
        """`progress` is for node 0, whose steps stand for all."""
        self.scene, self.e, self.progress = scene, scene.e, progress
        self.number = dist.get_rank()
        self.node = byzccl.Node(count=scene.start.numel(), kinds=len(Kind), timeout=self.e.timeout)
        self.communicator = self._communicator()
        workers = scene.cast.workers
        self.learner = scene.learner(self.number) if self.number in workers else None
        self.history = History(self.e.steps)
        self.snapshots = Snapshots(scene.start, self.e.steps)
        self.silent: set[int] = set()  # nothing came from them by a deadline, nor since
        self.excluded: dict[int, int] = {}
        self.bytes_sent = 0
        self.messages = 0
        self.begin = 0.0
        self.failed: str | None = None

    def _communicator(self) -> byzccl.Communicator | None:
        e = self.e
        if e.system not in ("ring", "sharded"):
            return None
        attack = self.scene.cast.attack_of(self.number)
        deceit = attack if on_messages(attack) else "none"
        return byzccl.Communicator(algorithm=e.system, timeout=e.timeout, deceit=deceit)

    def run(self) -> None:
        """Plays the node to its end. What ends it early is in `failed`."""
        life = self.scene.node(self.number)
        answer: Any = None
        self.begin = time.perf_counter()
        while True:
            try:
                request = life.throw(answer) if isinstance(answer, Exception) else life.send(answer)
            except StopIteration:
                return
            except (QuorumLost, Overtaken, byzccl.Error) as error:
                self.failed = f"node {self.number} ended: {error}"
                return
            answer = self.handle(request)

    def handle(self, request: Any) -> Any:
        if isinstance(request, Publish):
            return self.publish(request)
        if isinstance(request, Collect):
            return self.collect(request)
        if isinstance(request, Gradient):
            assert self.learner is not None
            return self.learner.gradient(request)
        if isinstance(request, AllReduce):
            return self.all_reduce(request)
        if isinstance(request, Record):
            since = time.perf_counter() - self.begin
            self.snapshots.keep(request.step, request.model, since)
            if self.number == 0:
                self.progress(request.step, math.nan)
            return None
        if isinstance(request, Pause):
            return time.sleep(request.seconds)
        if isinstance(request, Crash):
            os.kill(os.getpid(), signal.SIGKILL)
        assert isinstance(request, Excluded)
        for node in request.nodes:
            self.excluded[node] = self.excluded.get(node, 0) + 1
        return None

    def publish(self, request: Publish) -> None:
        if not request.to:
            return
        vector = request.vector.detach()
        if request.kind.is_of_system and self.scene.cast.is_honest(self.number):
            self.bytes_sent += len(request.to) * self.scene.bytes_of(vector)
            self.messages += len(request.to)
        self.node.publish(int(request.kind), request.step, vector, request.to)

    def collect(self, request: Collect) -> Heard | Exception:
        """As hear(), and remembers who was heard."""
        found = self.hear(request)
        if isinstance(found, Heard):
            self.history.add(self.number, request.kind, request.step, found.nodes)
        return found

    def hear(self, request: Collect) -> Heard | Exception:
        """The first q; once a timeout is over, or no more can come, as many as there are."""
        begin = time.monotonic()
        sources = set(request.sources)
        expected = sources - self.silent
        q = max(request.least, min(request.q, len(expected)))
        while True:
            try:
                found = self.node.collect(
                    int(request.kind), request.step, q,
                    self.e.timeout if expected else 0.0,
                    sources=request.sources, own=request.own,
                )  # fmt: skip
            except byzccl.QuorumError as error:
                possible = sources - {*error.gone, *error.passed}
                if not error.timed_out and len(possible) >= q:
                    return Overtaken(error.next_step)  # a whole quorum has gone on
                came = possible - set(error.missing) if error.timed_out else possible
                if len(came) >= request.least:
                    if error.timed_out:
                        self.silent |= sources - came
                    q = len(came)
                    continue
                over = time.monotonic() - begin > request.patience * self.e.timeout
                if error.timed_out and expected and not over:
                    continue
                return self.lost(request, error)
            self.silent -= set(found.ranks)
            return Heard(found.ranks, found.rows)

    def lost(self, request: Collect, error: byzccl.QuorumError) -> Exception:
        if error.passed:
            return Overtaken(error.next_step)
        return QuorumLost(str(error))

    def all_reduce(self, request: AllReduce) -> torch.Tensor | Exception | None:
        assert self.communicator is not None
        vector = request.vector.detach().clone()
        before = self.communicator.bytes_sent
        try:
            pending = self.communicator.all_reduce(vector, self.e.rule_text, request.previous)
            pending.wait()
            report = pending.report()
        except byzccl.TransportError as error:
            return QuorumLost(str(error))
        if self.scene.cast.is_honest(self.number):
            self.bytes_sent += self.communicator.bytes_sent - before
        if self.number == 0:
            for node, weight in enumerate(report.weights):
                if weight == 0:
                    self.excluded[node] = self.excluded.get(node, 0) + 1
        return None if report.failed else vector

    def close(self) -> None:
        self.node.close()
        if self.communicator is not None:
            self.communicator.close()

    def account(self) -> str:
        """What the others want to know of this node, as JSON."""
        return json.dumps({
            "heard": self.history.steps, "excluded": self.excluded, "bytes_sent": self.bytes_sent,
            "messages": self.messages, "failed": self.failed,
        })  # fmt: skip
