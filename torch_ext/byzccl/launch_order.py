# SPDX-License-Identifier: MIT
"""Settings that make a GPU keep to the order in which several communicators enqueue on it."""

from __future__ import annotations

import os
import warnings

SETTINGS = ("CUDA_DEVICE_MAX_CONNECTIONS", "NCCL_LAUNCH_ORDER_IMPLICIT")
"""Either, at 1. The first gives all streams one queue (Megatron-LM asks for it), the second makes
NCCL order its communicators by the time of their launches."""

REMEDY = (
    "wait() for each byzccl call before the next collective of another NCCL group "
    "(docs/collectives.md), or unset it"
)


def serial() -> list[str]:
    """Those of SETTINGS that are in force, as NAME=1."""
    return [f"{name}=1" for name in SETTINGS if os.environ.get(name, "").strip() == "1"]


def problem() -> str:
    """What they make of reductions that nobody waits for; empty if there are none."""
    found = serial()
    if not found:
        return ""
    return (
        f"{' and '.join(found)}: a GPU runs in the order of enqueuing, which differs among ranks "
        "if a reduction is still under way when another NCCL group's collective begins; then ranks "
        "wait for each other until the timeout"
    )


def warn() -> None:
    """For the caller of the function that calls this."""
    if found := problem():
        warnings.warn(f"{found}; {REMEDY}", RuntimeWarning, stacklevel=3)
