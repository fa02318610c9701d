# SPDX-License-Identifier: MIT
"""What `python -m byzccl doctor` says, line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line of what was found."""

    section: str
    name: str
    value: str
    problem: str = ""
    """What is wrong or could be better; empty if nothing."""
    remedy: str = ""
    broken: bool = False
    """Whether the problem keeps the library from working."""


def tried(section: str, name: str, trial: Callable[[], str], remedy: str) -> Finding:
    """What `trial` says, or the error that it raises."""
    try:
        return Finding(section, name, trial())
    except Exception as error:
        return Finding(section, name, "fails", f"{name}: {error}", remedy, broken=True)
