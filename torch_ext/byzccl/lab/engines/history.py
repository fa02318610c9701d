# SPDX-License-Identifier: MIT
"""Who heard whom, step by step: what makes a run of an asynchronous system repeatable."""

from __future__ import annotations

from collections.abc import Iterable

from byzccl.lab.outcome import HeardBy
from byzccl.lab.systems.gossip import ROUNDS
from byzccl.lab.systems.requests import Kind


def key_of(node: int, kind: Kind) -> str:
    return f"{node}/{kind.name.lower()}"


class History:
    """`steps` [steps] maps "node/kind" to the nodes heard; a round of agreement has its number
    behind: "node/agreement/2"."""

    def __init__(self, steps: int, record: Iterable[HeardBy] = ()) -> None:
        self.steps: list[HeardBy] = [dict(heard) for heard in record]
        self.steps += [{} for _ in range(steps - len(self.steps))]

    def add(self, node: int, kind: Kind, step: int, nodes: Iterable[int]) -> None:
        place, key = _place(node, kind, step)
        self.steps[place][key] = sorted({*self.steps[place].get(key, ()), *nodes})

    def of(self, node: int, kind: Kind, step: int) -> tuple[int, ...] | None:
        """Whom the node heard; None if it did not get so far in that step."""
        place, key = _place(node, kind, step)
        found = self.steps[place].get(key)
        return None if found is None else tuple(found)

    def next_step(self, node: int, kind: Kind, step: int) -> int | None:
        """The next step, in the kind's own numbers, in which the node heard anything of it."""
        place, _ = _place(node, kind, step)
        for later in range(place + 1, len(self.steps)):
            if any(key == key_of(node, kind) or key.startswith(key_of(node, kind) + "/")
                   for key in self.steps[later]):  # fmt: skip
                return later * _rounds(kind)
        return None


def _rounds(kind: Kind) -> int:
    return ROUNDS if kind in (Kind.AGREEMENT, Kind.SEEN_AGREEMENT) else 1


def _place(node: int, kind: Kind, step: int) -> tuple[int, str]:
    if _rounds(kind) == 1:
        return step, key_of(node, kind)
    return step // ROUNDS, f"{key_of(node, kind)}/{step % ROUNDS}"
