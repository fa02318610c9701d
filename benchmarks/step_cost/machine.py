# SPDX-License-Identifier: MIT
"""Facts of the machine, under the same names as in the JSON of the kernels' benchmark."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import torch

import byzccl


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def facts() -> dict[str, str | int]:
    """Load is that of the last minute: figures of a busy machine are good for ratios only."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "load": f"{os.getloadavg()[0]:.1f}",
        "torch": torch.__version__,
        "python": platform.python_version(),
        "byzccl": byzccl.__version__,
        "time": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }
