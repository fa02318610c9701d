# SPDX-License-Identifier: MIT
"""How long ranks wait for each other: what a caller says, or else the group's own timeout."""

from __future__ import annotations

import math
from datetime import timedelta
from numbers import Real
from typing import TypeAlias

import torch.distributed as dist
from torch.distributed import distributed_c10d as c10d

from byzccl.errors import InvalidArgument

Timeout: TypeAlias = timedelta | float | None
"""Seconds, or a timedelta; None stands for the timeout of the process group."""

LONGEST = timedelta(milliseconds=2**31 - 1)
"""24.8 days. Longer ones count as this: clocks and sockets below take no more."""

_MILLISECOND = timedelta(milliseconds=1)


def of_group(group: dist.ProcessGroup) -> timedelta:
    """What the group was made with, or got since; torch's default where its backend cannot say.

    With backends of several devices the CPU's counts.
    """
    devices = sorted(group._device_types, key=lambda device: device.type != "cpu")
    for device in devices:
        try:
            said = group._get_backend(device).options._timeout
        except (AttributeError, RuntimeError):  # a backend without options
            continue
        if isinstance(said, timedelta):
            return said
    return c10d.default_pg_timeout


def in_seconds(timeout: Timeout) -> float | None:
    """For operators, whose arguments are plain numbers. Raises InvalidArgument for other types."""
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        # As total_seconds(), which torch.compile cannot trace.
        return (
            (timeout.days * 86400 + timeout.seconds) * 1_000_000 + timeout.microseconds
        ) / 1_000_000
    if isinstance(timeout, Real) and not isinstance(timeout, bool):
        try:
            return float(timeout)
        except OverflowError:  # an int that no float holds
            return math.inf if timeout > 0 else -math.inf
    raise InvalidArgument(
        f"timeout must be a timedelta or seconds as an int or float, got {type(timeout).__name__}"
    )


def resolve(timeout: Timeout, group: dist.ProcessGroup) -> timedelta:
    """`timeout` in whole milliseconds, at most LONGEST; None is the group's own.

    Raises InvalidArgument unless it is at least 1 ms, and for other types.
    """
    seconds = in_seconds(of_group(group) if timeout is None else timeout)
    assert seconds is not None
    if math.isnan(seconds) or seconds < 0.001:
        raise InvalidArgument(f"timeout must be at least 1 ms, got {seconds:g} s")
    if seconds >= LONGEST.total_seconds():
        return LONGEST
    # Of a timedelta itself: total_seconds() may round a millisecond down.
    exact = timeout if isinstance(timeout, timedelta) else timedelta(seconds=seconds)
    return exact // _MILLISECOND * _MILLISECOND
