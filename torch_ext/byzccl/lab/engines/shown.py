# SPDX-License-Identifier: MIT
"""After a run: node 0 asks the others for their models, step by step, and for their accounts.

Models travel as the nodes' own messages, so that it works wherever the run did; whoever is gone or
silent by then is left out.
"""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import Store

import byzccl
from byzccl.lab.engines import Progress
from byzccl.lab.engines.history import History
from byzccl.lab.engines.member import Member
from byzccl.lab.observer import Observer
from byzccl.lab.outcome import Outcome
from byzccl.lab.systems.requests import Collect, Heard, Kind


def show(member: Member, store: Store) -> None:
    """What every node but 0 does: it writes its account, and answers until it is told to go."""
    store.set(_key(member.number), member.account())
    if member.number in member.scene.observed:
        for step in range(member.e.steps + 1):
            if not _is_asked(member, step):
                return
            member.node.publish(int(Kind.SNAPSHOT), step, member.snapshots.at(step), (0,))
    _is_asked(member, member.e.steps + 1)


def _is_asked(member: Member, step: int) -> bool:
    try:
        member.node.collect(int(Kind.ASKED), step, 1, 3 * member.e.timeout, sources=(0,))
    except byzccl.QuorumError:
        return False  # node 0 is gone, or no longer waits for this node
    return True


def look(member: Member, store: Store, progress: Progress) -> Outcome:
    """What node 0 does: the outcome of the run."""
    e, scene = member.e, member.scene
    outcome = Outcome(e, notes=scene.system.notes(e), failed=member.failed)
    outcome.seconds = member.snapshots.seconds()
    observer = Observer(e, scene.task, scene.dataset, outcome)
    others = tuple(node for node in scene.observed if node != 0)
    for step in range(member.snapshots.last() + 1):
        models = {0: member.snapshots.at(step)}
        if others:
            member.node.publish(int(Kind.ASKED), step, scene.start, others)
            models |= _models(member, step, others)
            others = tuple(node for node in others if node in models)
        accuracy = observer.see(step, models, member.snapshots.time_of(step))
        if accuracy is not None:
            progress(step, accuracy)
    _add_accounts(member, store, outcome)
    member.node.publish(int(Kind.ASKED), e.steps + 1, scene.start, scene.cast.nodes[1:])
    member.node.flush(e.timeout)
    return outcome


def _models(member: Member, step: int, others: tuple[int, ...]) -> dict[int, torch.Tensor]:
    """Of all that answer in time."""
    found = member.hear(Collect(Kind.SNAPSHOT, step, others, len(others), 1, patience=1))
    return dict(zip(found.nodes, found.rows, strict=True)) if isinstance(found, Heard) else {}


def _key(node: int) -> str:
    return f"lab/account/{node}"


def _add_accounts(member: Member, store: Store, outcome: Outcome) -> None:
    """What the nodes say of themselves. Those that say nothing in time are noted."""
    deadline = time.monotonic() + member.e.timeout
    accounts: dict[int, dict[str, Any]] = {0: json.loads(member.account())}
    for node in member.scene.cast.nodes[1:]:
        seconds = 0.1 if node in member.node.gone() else deadline - time.monotonic()
        left = timedelta(seconds=max(1e-3, seconds))
        try:
            store.wait([_key(node)], left)
            accounts[node] = json.loads(store.get(_key(node)))
        except (dist.DistError, ValueError):
            outcome.notes.append(f"node {node} was gone or silent at the end of the run")
    history = History(member.e.steps)
    for node, account in accounts.items():
        for merged, heard in zip(history.steps, account["heard"], strict=False):
            merged.update(heard)
        for other, times in account["excluded"].items():
            outcome.excluded[int(other)] = outcome.excluded.get(int(other), 0) + times
        outcome.bytes_sent += account["bytes_sent"]
        outcome.messages += account["messages"]
        if account["failed"] and member.scene.cast.is_honest(node):
            outcome.failed = outcome.failed or account["failed"]
    outcome.heard = history.steps
