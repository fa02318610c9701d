# SPDX-License-Identifier: MIT
"""What has come to a simulated node, and when it is enough."""

from __future__ import annotations

from collections import defaultdict

import torch

from byzccl.lab.engines.history import History
from byzccl.lab.systems.requests import Collect, Heard, Kind, Overtaken, QuorumLost


class Letters:
    """Of one node. Each sender has one vote a kind and step: the first that came."""

    def __init__(self, node: int, steps: int, history: History, replay: History | None) -> None:
        self.node, self.end, self.history, self.replay = node, steps, history, replay
        # (kind, step) -> sender -> vector, in the order of arrival.
        self.came: dict[tuple[Kind, int], dict[int, torch.Tensor]] = defaultdict(dict)
        self.done: dict[Kind, int] = {}  # the last step that was collected
        self.used: dict[Kind, set[int]] = defaultdict(set)  # whose vectors of that step were
        self.newest: dict[Kind, dict[int, int]] = defaultdict(dict)
        self.silent: set[int] = set()  # nothing came from them by a deadline, nor since

    def add(self, sender: int, kind: Kind, step: int, vector: torch.Tensor) -> None:
        """What is late is dropped."""
        self.silent.discard(sender)
        done = self.done.get(kind, -1)
        if step > done or (step == done and sender not in self.used[kind]):
            self.came[kind, step].setdefault(sender, vector)
            self.newest[kind][sender] = max(self.newest[kind].get(sender, -1), step)

    def answer(self, request: Collect) -> Heard | Overtaken | QuorumLost | None:
        """What the node can go on with, if anything."""
        if request.own is not None:
            self.came[request.kind, request.step].setdefault(self.node, request.own)
        if self.replay is not None:
            return self._replayed(request, self.replay)
        nodes = self._first(request)
        expected = {node for node in request.sources if node not in self.silent} | set(nodes)
        if len(nodes) >= max(request.least, min(request.q, len(expected))):
            return self._take(request, nodes)
        return self._overtaken(request) or (None if expected else self._lost(request, nodes))

    def has_least(self, request: Collect) -> bool:
        return len(self._first(request)) >= request.least

    def at_deadline(self, request: Collect) -> Heard | QuorumLost:
        nodes = self._first(request)
        self.silent.update(set(request.sources) - set(nodes))
        return self._take(request, nodes) if self.has_least(request) else self._lost(request, nodes)

    def _first(self, request: Collect) -> list[int]:
        """Those who came first, the node itself among them."""
        came = list(self.came[request.kind, request.step])
        own = [self.node] if request.own is not None else []
        others = [node for node in came if node in request.sources and node not in own]
        return (own + others)[: request.q]

    def _lost(self, request: Collect, nodes: list[int]) -> QuorumLost:
        missing = sorted(set(request.sources) - set(nodes))
        return QuorumLost(
            f"step {request.step}: {request.least} nodes are needed, and {len(nodes)} sent a "
            f"{request.kind.name.lower()} in time; nothing came from {', '.join(map(str, missing))}"
        )

    def _take(self, request: Collect, nodes: list[int]) -> Heard:
        nodes = sorted(nodes)
        came = self.came[request.kind, request.step]
        rows = torch.stack([came[node] for node in nodes])
        self.history.add(self.node, request.kind, request.step, nodes)
        if self.done.get(request.kind) != request.step:
            self.used[request.kind].clear()
        self.done[request.kind] = request.step
        self.used[request.kind].update(nodes)
        for node in nodes:
            del came[node]
        for key in [k for k in self.came if k[0] == request.kind and k[1] < request.step]:
            del self.came[key]
        return Heard(tuple(nodes), rows)

    def _replayed(self, request: Collect, replay: History) -> Heard | Overtaken | None:
        heard = replay.of(self.node, request.kind, request.step) or ()
        wanted = [node for node in heard if node in request.sources]
        if not wanted:
            later = replay.next_step(self.node, request.kind, request.step)
            return Overtaken(self.end if later is None else later)
        came = self.came[request.kind, request.step]
        return self._take(request, wanted) if set(wanted) <= set(came) else None

    def _overtaken(self, request: Collect) -> Overtaken | None:
        """Messages of a pair may overtake each other here, and one that is late still comes. Those
        who go on without this node are seen by what they send: once so many have sent a later step
        that they alone are a quorum, it follows them. byzccl.Node, where a newer vector may replace
        one that has not left, counts the own vector in."""
        newest = self.newest[request.kind]
        ahead = sorted(
            (step for sender, step in newest.items()
             if sender in request.sources and step > request.step), reverse=True
        )  # fmt: skip
        return Overtaken(ahead[request.q - 1]) if len(ahead) >= request.q else None
