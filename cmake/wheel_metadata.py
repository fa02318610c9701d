# SPDX-License-Identifier: MIT
"""What a wheel says of itself: the torch that it was compiled against, and no other will do.

torch's C++ interface changes with each minor version. So a wheel built beside torch 2.15 requires
torch 2.15.*, and says so in its version: 0.1.0+torch2.15. A source distribution knows no torch yet.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

OLDEST = (2, 11)
ROOT = Path(__file__).resolve().parents[1]


def defined(header: Path, name: str) -> str:
    """The value that a header gives to a macro."""
    found = re.search(rf'^#define {name} "?([\w.]+)"?', header.read_text(), re.MULTILINE)
    if not found:
        raise RuntimeError(f"{header} does not define {name}")
    return found[1]


def torch_minor() -> str:
    """Of the torch that CMake compiles against, such as "2.15"."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        raise RuntimeError("byzccl is compiled against the installed torch, and there is none")
    header = Path(spec.origin).parent / "include" / "torch" / "headeronly" / "version.h"
    found = [int(defined(header, f"TORCH_VERSION_{part}")) for part in ("MAJOR", "MINOR")]
    if tuple(found) < OLDEST:
        raise RuntimeError(
            f"byzccl needs torch {OLDEST[0]}.{OLDEST[1]} or later, found {found[0]}.{found[1]}"
        )
    return f"{found[0]}.{found[1]}"


class Provider:
    """scikit-build-core's interface for dynamic metadata."""

    def __init__(self) -> None:
        self._is_sdist = False

    def build_state(self, state: str) -> None:
        self._is_sdist = state == "sdist"

    def dynamic_metadata(
        self, settings: Mapping[str, Any], project: Mapping[str, Any]
    ) -> dict[str, Any]:
        version = defined(ROOT / "include" / "byzccl" / "version.hpp", "BYZCCL_VERSION")
        if self._is_sdist:
            return {
                "version": version,
                "dependencies": [f"torch>={OLDEST[0]}.{OLDEST[1]}"],
            }
        minor = torch_minor()
        return {"version": f"{version}+torch{minor}", "dependencies": [f"torch=={minor}.*"]}

    def dynamic_wheel(self, settings: Mapping[str, Any]) -> dict[str, bool]:
        return {"dependencies": True}
