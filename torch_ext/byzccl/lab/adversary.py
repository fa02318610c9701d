# SPDX-License-Identifier: MIT
"""Byzantine workers: they see every honest gradient before they send their own."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook

from byzccl import attack as adversaries

# An attack on the data, not on the gradient: a Byzantine worker trains on labels y -> 9 - y.
LABEL_FLIP = "label_flip"


def on_messages(attack: str) -> bool:
    """Whether the attack alters messages: a rank's gradient is right and what it tells is not."""
    name = attack.partition("(")[0].strip()
    return any(info.on_messages for info in adversaries.attacks() if info.name == name)


def asks_rule(attack: str) -> bool:
    """Whether the attack tries its vectors on the rule that they will meet."""
    name = attack.partition("(")[0].strip()
    return any(info.asks_rule for info in adversaries.attacks() if info.name == name)


def on_gradient(attack: str) -> bool:
    """Whether Byzantine workers send another gradient than the one that they computed."""
    return attack not in ("none", LABEL_FLIP) and not on_messages(attack)


class Adversary:
    """What `tamper=` of robustify, or a hook before a plain all-reduce, calls on every rank.

    The honest vectors of a bucket travel to the Byzantine ranks over a group of their own, which
    nothing else uses; a Byzantine rank then overwrites its bucket with what the attack makes of
    them, and of `rule` where it asks that. Real attackers know less: this is the strongest form of
    each attack.
    """

    def __init__(
        self, attack: str, byzantine: list[int], group: dist.ProcessGroup, rule: str
    ) -> None:
        self.attack = attack
        self.rule = rule
        self.byzantine = byzantine
        self.group = group
        self.rank = dist.get_rank()
        self.workers = dist.get_world_size()
        self.step = 0
        self.bucket = 0
        self.memories: list[adversaries.Adversary] = []  # one a bucket

    def begin(self, step: int) -> None:
        """A step begins; its number seeds what is random."""
        self.step, self.bucket = step, 0

    def __call__(self, bucket: torch.Tensor) -> None:
        """Rewrites `bucket` on Byzantine ranks; every rank must call it for the same buckets."""
        if self.bucket == len(self.memories):
            self.memories.append(adversaries.Adversary(self.attack))
        memory = self.memories[self.bucket]
        self.bucket += 1
        good = [rank for rank in range(self.workers) if rank not in self.byzantine]
        if self.rank in good:
            sends = [dist.isend(bucket, peer, self.group) for peer in self.byzantine]
            wait_all(sends)
            return
        vectors = bucket.new_empty((len(good), bucket.numel()))
        wait_all(
            [dist.irecv(row, peer, self.group) for row, peer in zip(vectors, good, strict=True)]
        )
        bucket.copy_(
            memory.craft(
                vectors, n=self.workers, f=len(self.byzantine), rank=self.rank, step=self.step,
                rule=self.rule,
            )
        )  # fmt: skip


def wait_all(works: list[dist.Work | None]) -> None:
    for work in works:
        if work is not None:
            work.wait()


def plain_hook(tamper: Adversary, group: dist.ProcessGroup) -> Any:
    """DDP's own all-reduce with the adversary in front of it."""

    def hook(state, bucket):  # type: ignore[no-untyped-def]  # DDP refuses annotations as text
        tamper(bucket.buffer())
        return allreduce_hook(group, bucket)

    return hook
