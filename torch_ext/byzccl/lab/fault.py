# SPDX-License-Identifier: MIT
"""Faults that are no attack on values: a node that is silent, late or gone."""

from __future__ import annotations

from byzccl.lab.named import form

FAULTS = {"silent": (), "crash": ("step",), "slow": ("seconds",)}
"""Sends nothing from the start; is gone from that step on; waits before each message."""


def is_fault(text: str) -> bool:
    return text.partition("(")[0].strip() in FAULTS


def parse(text: str) -> tuple[str, float]:
    """The fault and its number, 0 where it has none. Raises ValueError."""
    name, numbers = form(text, "fault", FAULTS)
    number = next(iter(numbers.values()), 0.0)
    if number < 0:
        raise ValueError(f"{text}: the number must not be negative")
    return name, number
