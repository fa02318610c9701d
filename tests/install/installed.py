# SPDX-License-Identifier: MIT
"""The default build, how to run commands on it, and what its libraries ask for."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Its output; with the environment's `bin` first on the path. Fails with the output."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def cached(name: str) -> str:
    """A setting of the default build."""
    text = (BUILD / "CMakeCache.txt").read_text()
    found = re.search(rf"^{name}:\w+=(.*)$", text, re.MULTILINE)
    assert found, f"{name} is not in the cache of {BUILD}"
    return found[1]


def dynamic_section(library: Path) -> dict[str, list[str]]:
    """Of an ELF file: its NEEDED libraries and the folders of its RUNPATH."""
    text = run("readelf", "--dynamic", "--wide", library)
    assert "(RPATH)" not in text
    return {
        "NEEDED": re.findall(r"\(NEEDED\).*\[(.*)\]", text),
        "RUNPATH": [
            folder
            for line in re.findall(r"\(RUNPATH\).*\[(.*)\]", text)
            for folder in line.split(":")
        ],
    }


def has_cuda() -> bool:
    """Whether the default build has the kernels."""
    return (BUILD / "kernels" / "libbyzccl_cuda.so").exists()


def extension_has_cuda() -> bool:
    """Whether its LibTorch extension takes CUDA tensors: torch must have the same CUDA."""
    return "libbyzccl_torch_cuda.so" in (BUILD / "build.ninja").read_text()
