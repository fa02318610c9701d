# SPDX-License-Identifier: MIT
"""Where a result came from: versions and machine."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np
import torch

import byzccl


def environment() -> dict[str, Any]:
    return {
        "byzccl": byzccl.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "host": platform.node(),
        "cores": cores(),
    }


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))
