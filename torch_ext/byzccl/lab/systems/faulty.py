# SPDX-License-Identifier: MIT
"""A node that plays an honest part, and fails at it."""

from __future__ import annotations

from typing import Any

from byzccl.lab import fault
from byzccl.lab.systems.requests import AllReduce, Crash, Pause, Publish, Role


def faulty(part: Role, text: str) -> Role:
    """`part` under the fault `text`: nothing it publishes leaves, or leaves late, or it crashes."""
    name, number = fault.parse(text)
    answer: Any = None
    while True:
        try:
            request = part.throw(answer) if isinstance(answer, Exception) else part.send(answer)
        except StopIteration:
            return
        answer = None
        if name == "crash" and getattr(request, "step", -1) >= number:
            yield Crash()
            return
        if name == "silent" and isinstance(request, Publish):
            continue
        if name == "slow" and isinstance(request, (Publish, AllReduce)):
            yield Pause(number)
        try:
            answer = yield request
        except Exception as error:  # the engine's: Overtaken, QuorumLost
            answer = error
