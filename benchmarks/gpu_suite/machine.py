# SPDX-License-Identifier: MIT
"""What the machine has: a GPU or none, its driver, build tools."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def output_of(*command: str | Path) -> str:
    """Empty where the command is not there or fails."""
    try:
        done = subprocess.run(
            [str(word) for word in command], capture_output=True, text=True, cwd=ROOT, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def gpu_facts() -> dict[str, str]:
    """Empty without a GPU."""
    line = output_of(
        shutil.which("nvidia-smi") or "/usr/local/nvidia/bin/nvidia-smi",
        "--query-gpu=name,driver_version,memory.total",
        "--format=csv,noheader",
    ).splitlines()
    if not line:
        return {}
    name, driver, memory = (part.strip() for part in line[0].split(","))
    return {"device": name, "driver": driver, "memory": memory}


def commit(bundle: Path | None) -> str:
    """Of this checkout, or of the one that a bundle was built from."""
    if bundle is not None and (bundle / "COMMIT").exists():
        return (bundle / "COMMIT").read_text().strip()
    return output_of("git", "describe", "--always", "--dirty") or "unknown"


def tool(name: str) -> str | None:
    """From the project's environment where that is, else from the PATH."""
    venv = Path(os.environ.get("BYZCCL_VENV", ROOT / ".venv"))
    own = venv / "bin" / name
    return str(own) if own.exists() else shutil.which(name)


def cmake() -> str:
    """@raises SystemExit where there is none of 3.28 or later"""
    found = tool("cmake")
    version = re.search(r"(\d+)\.(\d+)", output_of(found, "--version")) if found else None
    if found is None or version is None or (int(version[1]), int(version[2])) < (3, 28):
        raise SystemExit("cmake 3.28 or later is needed: run `make setup`")
    return found


def sanitizer() -> str | None:
    """compute-sanitizer, also where the toolkit is not on the PATH."""
    beside_nvcc = (
        Path(shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc").parent / "compute-sanitizer"
    )
    return shutil.which("compute-sanitizer") or (str(beside_nvcc) if beside_nvcc.exists() else None)
