# SPDX-License-Identifier: MIT
"""What one process of a run does, once its default group is there."""

from __future__ import annotations

from torch._C._distributed_c10d import Store

from byzccl.lab.engines import Progress
from byzccl.lab.engines.member import Member
from byzccl.lab.engines.scene import Scene
from byzccl.lab.engines.shown import look, show
from byzccl.lab.outcome import Outcome


def perform(scene: Scene, store: Store, progress: Progress) -> Outcome | None:
    """Plays this rank's node. Node 0 returns the outcome, the others None."""
    member = Member(scene, progress)
    try:
        member.run()
        if member.number == 0:
            return look(member, store, progress)
        show(member, store)
        return None
    finally:
        member.close()
